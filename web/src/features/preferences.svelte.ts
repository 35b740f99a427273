/** Language and theme: kept in this browser, applied without a reload, so that changing them never locks the keys away. */
import { getLocale, overwriteGetLocale, setLocale, type Locale } from "../paraglide/runtime";

export type Theme = "auto" | "dark" | "light";
const THEME = "wardline-theme";

function readTheme(): Theme {
  const kept = localStorage.getItem(THEME);
  return kept === "light" || kept === "auto" ? kept : "dark";
}

export const preferences = $state({ locale: getLocale(), theme: readTheme() });

// Reading the locale reads state: every sentence on the screen follows it.
overwriteGetLocale(() => preferences.locale);

export function chooseLocale(locale: Locale): void {
  void setLocale(locale, { reload: false });
  preferences.locale = locale;
}

export function chooseTheme(theme: Theme): void {
  localStorage.setItem(THEME, theme);
  preferences.theme = theme;
}

/** Keeps `lang`, the theme and the colour of the browser's bar as chosen. Runs inside a component. */
export function applyPreferences(): void {
  const prefersLight = matchMedia("(prefers-color-scheme: light)");
  let isLightOutside = $state(prefersLight.matches);
  $effect(() => {
    const follow = (): void => { isLightOutside = prefersLight.matches; };
    prefersLight.addEventListener("change", follow);
    return () => prefersLight.removeEventListener("change", follow);
  });
  $effect(() => {
    const root = document.documentElement;
    root.lang = preferences.locale;
    const isLight = preferences.theme === "light" || (preferences.theme === "auto" && isLightOutside);
    root.dataset["theme"] = isLight ? "light" : "dark";
    document.querySelector("meta[name=theme-color]")?.setAttribute("content", isLight ? "#f4f7f9" : "#0b1014");
  });
}
