/**
 * The way to the hospital's own sign-in service and back (OpenID Connect, authorization code).
 *
 * Invariant: the page leaves with nothing secret but an invitation that waits in this tab for its return; what it comes back with is taken
 * out of the address and the history before anything else runs, is worth nothing outside this browser's session, and signs nobody in
 * without this device's key.
 */
import type { Api } from "./api";

export type SsoPurpose = "sign-in" | "join" | "bind";

/** The page has come back: for what, and with the query it was sent. */
export interface SsoReturn {
  purpose: SsoPurpose;
  query: Record<string, string>;
}

export interface SsoFinished {
  purpose: SsoPurpose;
  label: string;
  /** To sign in: what the device has to sign. */
  challenge: string | null;
}

const KEPT = "sso";
const ANSWER = ["state", "code", "error", "iss"];

/** Leaves the page. `hash` is where it comes back to. */
export async function leave(api: Api, purpose: SsoPurpose, whose: { device?: string; token?: string }, hash: string): Promise<void> {
  await api.get("/session");
  const { address } = await api.post<{ address: string }>("/sso/start", { purpose, ...whose });
  sessionStorage.setItem(KEPT, JSON.stringify({ purpose, hash }));
  location.assign(address);
}

/** Once, before the router looks at the address. A query that nobody here went for is thrown away. */
export function takeReturn(): SsoReturn | null {
  const query = new URLSearchParams(globalThis.location?.search ?? "");
  if (!query.has("state")) return null;
  const kept = readKept();
  history.replaceState(null, "", location.pathname + (kept?.hash ?? ""));
  const sent = ANSWER.flatMap((name) => (query.has(name) ? [[name, query.get(name)]] : []));
  return kept && { purpose: kept.purpose, query: Object.fromEntries(sent) as Record<string, string> };
}

export function finish(api: Api, { query }: SsoReturn): Promise<SsoFinished> {
  return api.post<SsoFinished>("/sso/finish", query);
}

function readKept(): { purpose: SsoPurpose; hash: string } | null {
  const text = sessionStorage.getItem(KEPT);
  sessionStorage.removeItem(KEPT);
  return text === null ? null : (JSON.parse(text) as { purpose: SsoPurpose; hash: string });
}
