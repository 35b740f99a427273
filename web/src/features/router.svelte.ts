/**
 * Addresses: `#/...`, ids only, never a name. Back always goes back inside the app and, on a page opened from a push, to Home.
 *
 * Invariant: the secret of a join, link, recovery, restoring or set-up address is taken out of the address bar and the history as soon as it has been read.
 */
export const route = $state({ path: "/", parts: [] as string[] });

let depth = 0;

function read(): void {
  const path = location.hash.replace(/^#/, "") || "/";
  route.path = path;
  route.parts = path.split("/").filter(Boolean);
  depth = Number((history.state as { depth?: number } | null)?.depth ?? 0);
}

export function startRouter(): () => void {
  read();
  addEventListener("popstate", read);
  return () => removeEventListener("popstate", read);
}

export function go(path: string): void {
  if (path === route.path) return;
  history.pushState({ depth: depth + 1 }, "", `#${path}`);
  read();
}

export function replace(path: string): void {
  history.replaceState({ depth }, "", `#${path}`);
  read();
}

export function back(): void {
  if (depth > 0) history.back();
  else replace("/");
}

/** The whole `/#/join/...`, `/#/link/...`, `/#/recover/...`, `/#/restore/...` or `/#/setup/...` address, read once: it is taken out of the address bar and the history. Empty if there is none. */
export function takeAddress(kind: "join" | "link" | "recover" | "restore" | "setup"): string {
  const value = route.parts[1];
  if (!value) return "";
  replace(`/${kind}`);
  return `${location.origin}/#/${kind}/${value}`;
}

const places: Record<string, number> = {};

/** Where a page was scrolled to when it was left, so that back finds it as it was. */
export const placeOf = (path: string): number => places[path] ?? 0;

export function keepPlace(path: string, top: number): void {
  places[path] = top;
}
