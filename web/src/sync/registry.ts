/**
 * What a registrar decides about the hospital itself: who reads its log, when its phones lock.
 *
 * Invariant: the server asks of each call whether a registrar makes it; what is signed is signed here.
 */
import type { Api } from "./api";

export const TERM_REASONS = ["data_protection_officer", "deputy", "internal_audit", "external_audit", "investigation"] as const;
export type TermReason = (typeof TERM_REASONS)[number];
export const TERM_ENDS = ["left_office", "done", "mistake"] as const;
export type TermEnd = (typeof TERM_ENDS)[number];

/** As the server gives it; the client secret goes in and never comes out. */
export interface SsoProvider {
  name: string;
  issuer: string;
  client_id: string;
  is_required: boolean;
  is_passkey_fallback: boolean;
  ends_membership: boolean;
  asks_offline: boolean;
  failing_since: string | null;
}
export interface SsoSettings { provider: SsoProvider | null; redirect_uri: string; logout_uri: string }
export type SsoDraft = Omit<SsoProvider, "failing_since"> & { client_secret: string };
export interface SsoAccount { person: string; label: string; state: "good" | "logged_out" | "refused"; is_checked: boolean; proved_at: string }

export class Registry {
  readonly #api: Api;

  constructor(api: Api) {
    this.#api = api;
  }

  /** `until` null: without an end. Throws `ApiError` 409 `auditor.known`, 400 `auditor.until_past`. */
  async appointAuditor(person: string, reason: TermReason, until: string | null): Promise<void> {
    await this.#api.post(`/members/${person}/auditor`, { reason, until });
  }

  /** 1 to 60, from each phone's next unlocking on. */
  async setIdleLock(minutes: number): Promise<void> {
    await this.#api.put("/hospital/idle-lock", { minutes });
  }

  /** Whether a synced passkey alone makes a new device here. */
  async passkeyRule(): Promise<boolean> {
    return (await this.#api.get<{ is_enough: boolean }>("/hospital/passkey-rule")).is_enough;
  }

  async setPasskeyRule(isEnough: boolean): Promise<void> {
    await this.#api.put("/hospital/passkey-rule", { is_enough: isEnough });
  }

  async ssoSettings(): Promise<SsoSettings> {
    return this.#api.get<SsoSettings>("/hospital/sso");
  }

  /** The provider is asked at once. Throws `ApiError` `sso.unreachable`, `sso.issuer_mismatch`, `sso.try_first` and others. */
  async saveSso(draft: SsoDraft): Promise<SsoSettings> {
    return this.#api.put<SsoSettings>("/hospital/sso", draft);
  }

  async endSso(): Promise<void> {
    await this.#api.delete("/hospital/sso");
  }

  async ssoAccounts(): Promise<SsoAccount[]> {
    return (await this.#api.get<{ results: SsoAccount[] }>("/hospital/sso/accounts")).results;
  }

  async unbindSso(person: string): Promise<void> {
    await this.#api.post(`/members/${person}/sso/unbind`);
  }

  async endAuditor(person: string, reason: TermEnd): Promise<void> {
    await this.#api.post(`/members/${person}/auditor/end`, { reason });
  }
}
