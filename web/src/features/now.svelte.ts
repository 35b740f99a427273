/** The one clock of all screens, in the server's time: every age and countdown is derived from it, so they tick together. */
export const clock = $state({ now: Date.now() });

let offset = 0;

export function setServerTime(iso: string): void {
  offset = Date.parse(iso) - Date.now();
  clock.now = Date.now() + offset;
}

/** Ticks once a second while the page is in sight; a page in the background costs nothing. */
export function startClock(): () => void {
  const tick = (): void => {
    if (document.visibilityState === "visible") clock.now = Date.now() + offset;
  };
  const timer = setInterval(tick, 1000);
  document.addEventListener("visibilitychange", tick);
  return () => {
    clearInterval(timer);
    document.removeEventListener("visibilitychange", tick);
  };
}
