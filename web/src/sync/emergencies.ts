/**
 * Break-glass: one conversation of a duty role, opened by who is off duty.
 *
 * Invariant: the server decides who may and tells everybody; here it is asked for, and what it opened closes at its end, network or not
 * (`Inbox`).
 */
import type { Api } from "./api";
import type { Inbox } from "./inbox";
import type { Emergency } from "./types";

export const EMERGENCY_REASONS = ["deterioration", "no_answer", "called_in", "in_transit", "other"] as const;
export type EmergencyReason = (typeof EMERGENCY_REASONS)[number];

export class Emergencies {
  readonly #api: Api;
  readonly #inbox: Inbox;

  constructor(api: Api, inbox: Inbox) {
    this.#api = api;
    this.#inbox = inbox;
  }

  /** Throws `ApiError` 409 `emergency.active`, `emergency.not_needed`, 403 `emergency.physicians_only`, 404. */
  async begin(conversation: string, role: string, reason: EmergencyReason): Promise<Emergency> {
    const made = await this.#api.post<Emergency>("/emergencies", { conversation, role, reason });
    await this.#inbox.sync();
    return made;
  }

  async end(emergency: string): Promise<void> {
    await this.#api.post(`/emergencies/${emergency}/end`);
    await this.#inbox.sync();
  }
}
