/**
 * The hospital's own software as its registrars let it in, and where it is told of alarms.
 *
 * Invariant: a private key that was pasted by mistake is not sent; a secret is told once, to who made it, and kept nowhere.
 */
import { type Api, ApiError } from "./api";
import type { Results } from "./wire";

export interface JwkSet { keys: Record<string, unknown>[] }
/** One of `jwks` and `jwks_url`. */
export interface SoftwareClient {
  id: string;
  name: string;
  scopes: string[];
  jwks: JwkSet | null;
  jwks_url: string;
  keys_changed_at: string;
  created_at: string;
  last_used_at: string | null;
  revoked_at: string | null;
}
/** `scopes` are all there are; the revoked clients come last. */
export interface SoftwareClients { results: SoftwareClient[]; token_endpoint: string; scopes: string[] }
export type ClientDraft = Pick<SoftwareClient, "name" | "scopes"> & ({ jwks: JwkSet } | { jwks_url: string });

/** `last_status`: an HTTP status, 0 no answer; `halted_at`: given up until it is saved again. */
export interface Webhook {
  id: string;
  name: string;
  endpoint: string;
  generation: number;
  created_at: string;
  owed: number;
  failing_since: string | null;
  last_status: number | null;
  last_taken_at: string | null;
  halted_at: string | null;
  ended_at: string | null;
}
/** What the receiver answered, an HTTP status, 0 nothing. */
export interface Tried { status: number; milliseconds: number }
/** `secret` null: it was told before, and whether that answer arrived nobody knows. */
export interface SavedWebhook { webhook: Webhook; secret: string | null }

/** What a client may, as a registrar decides it: reading goes with searching. */
export const PERMISSIONS = {
  report: ["MeasureReport.c"],
  figures: ["MeasureReport.r", "MeasureReport.s"],
  beds: ["Location.r", "Location.s"],
  house: ["Organization.r", "Organization.s"],
  duty: ["PractitionerRole.r", "PractitionerRole.s"],
  ask: ["ServiceRequest.c"],
  requests: ["ServiceRequest.r", "ServiceRequest.s"],
  tasks: ["Task.r", "Task.s"],
  move: ["Task.u"],
  called: ["Subscription.c", "Subscription.r", "Subscription.d", "Subscription.s"],
  log: ["AuditEvent.r", "AuditEvent.s"],
} as const;
export type PermissionCode = keyof typeof PERMISSIONS;
/** `code` null: a scope that has no words here yet. */
export interface Permission { code: PermissionCode | null; scopes: string[] }

/** All that can be allowed: `offered` taken apart, every scope in one permission and none lost. */
export function permissionsOf(offered: readonly string[]): Permission[] {
  const left = new Set(offered);
  const known = (Object.keys(PERMISSIONS) as PermissionCode[]).map((code) => ({
    code, scopes: PERMISSIONS[code].map((scope) => `system/${scope}`).filter((scope) => left.delete(scope)),
  }));
  return [...known.filter(({ scopes }) => scopes.length > 0), ...[...left].map((scope) => ({ code: null, scopes: [scope] }))];
}

/** As SMART writes scopes: `system/Task.rs`. */
export function written(scopes: readonly string[]): string {
  const letters = new Map<string, string>();
  for (const [kind = "", letter = ""] of scopes.map((scope) => scope.split("."))) letters.set(kind, (letters.get(kind) ?? "") + letter);
  return [...letters].map(([kind, all]) => `${kind}.${all}`).join(" ");
}

const PRIVATE = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/** A JWK Set, or the one key that it is to hold, as somebody pasted it. Throws `ApiError` 400 `client.key_private`, `client.keys_unfit`. */
export function readKeys(text: string): JwkSet {
  if (/PRIVATE KEY/.test(text)) throw refused("client.key_private");
  const given = parsed(text) as Partial<JwkSet> & { kty?: unknown };
  const keys = Array.isArray(given?.keys) ? given.keys : given?.kty ? [given as Record<string, unknown>] : [];
  if (keys.some((key) => PRIVATE.some((member) => Object.hasOwn(Object(key) as object, member)))) throw refused("client.key_private");
  if (keys.length === 0) throw refused("client.keys_unfit");
  return { keys };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw refused("client.keys_unfit");
  }
}

function refused(code: string): ApiError {
  return new ApiError(400, { code, detail: "" });
}

export class Software {
  readonly #api: Api;

  constructor(api: Api) {
    this.#api = api;
  }

  async clients(): Promise<SoftwareClients> {
    return this.#api.get<SoftwareClients>("/integration-clients");
  }

  /** Under an `id` made by the caller: the same again is the same client. Ends the tokens it holds. Throws `ApiError` `client.*`. */
  async saveClient(id: string, draft: ClientDraft): Promise<SoftwareClient> {
    return this.#api.put<SoftwareClient>(`/integration-clients/${id}`, draft);
  }

  /** For good. */
  async revokeClient(id: string): Promise<void> {
    await this.#api.post(`/integration-clients/${id}/revoke`);
  }

  async webhooks(): Promise<Webhook[]> {
    return (await this.#api.get<Results<Webhook>>("/webhooks")).results;
  }

  /** Of escalation steps. As `saveClient`; one that was halted goes on. Throws `ApiError` `webhook.address_refused`, `webhook.too_many`. */
  async saveWebhook(id: string, draft: Pick<Webhook, "name" | "endpoint">): Promise<SavedWebhook> {
    return taken(await this.#api.put<WebhookWire>(`/webhooks/${id}`, { topic: "alarms", ...draft }));
  }

  /** The next secret; the former signs nothing any more. Throws `ApiError` 409 `webhook.other_generation`: somebody was quicker, or an answer was lost. */
  async renewSecret({ id, generation }: Webhook): Promise<SavedWebhook> {
    return taken(await this.#api.put<WebhookWire>(`/webhooks/${id}/secret`, { generation: generation + 1 }));
  }

  async tryWebhook(id: string): Promise<Tried> {
    return this.#api.post<Tried>(`/webhooks/${id}/try`);
  }

  /** For good; what it is owed lapses. */
  async endWebhook(id: string): Promise<void> {
    await this.#api.post(`/webhooks/${id}/end`);
  }
}

type WebhookWire = Webhook & { secret?: string };

function taken({ secret, ...webhook }: WebhookWire): SavedWebhook {
  return { webhook, secret: secret ?? null };
}
