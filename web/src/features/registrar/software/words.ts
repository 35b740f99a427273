/** The hospital's software in the reader's language. */
import type { Permission, PermissionCode, SoftwareClient, Tried, Webhook } from "../../../sync/software";
import { m } from "../../../paraglide/messages";
import type { IconName } from "../../../ui/icons";
import type { Tone } from "../../../ui/tone";
import { dateOf, timeOf } from "../../times";

/** A state: colour, word and icon. */
export interface Standing { state: string; tone: Tone; icon: IconName; word: string }

const MAY: Record<PermissionCode, () => string> = {
  report: m.may_report, figures: m.may_figures, beds: m.may_beds, house: m.may_house, duty: m.may_duty, ask: m.may_ask, requests: m.may_requests, tasks: m.may_tasks,
  move: m.may_move, called: m.may_called, log: m.may_log,
};

/** Nothing for a scope that has no words yet: it speaks for itself. */
export const permissionWord = ({ code }: Permission): string => (code ? MAY[code]() : "");

const whenOf = (iso: string): string => `${dateOf(iso)}, ${timeOf(iso)}`;

export function clientStanding({ revoked_at, last_used_at }: SoftwareClient): Standing {
  if (revoked_at) return { state: "revoked", tone: "muted", icon: "no", word: m.client_revoked({ when: whenOf(revoked_at) }) };
  if (last_used_at) return { state: "used", tone: "kept", icon: "check", word: m.client_used({ when: whenOf(last_used_at) }) };
  return { state: "unused", tone: "clock", icon: "clock", word: m.client_unused() };
}

export function webhookStanding({ ended_at, halted_at, failing_since, last_taken_at }: Webhook): Standing {
  if (ended_at) return { state: "ended", tone: "muted", icon: "no", word: m.webhook_ended({ when: whenOf(ended_at) }) };
  if (halted_at) return { state: "halted", tone: "stat", icon: "no", word: m.webhook_halted({ when: whenOf(halted_at) }) };
  if (failing_since) return { state: "failing", tone: "clock", icon: "warn", word: m.webhook_failing({ when: whenOf(failing_since) }) };
  if (last_taken_at) return { state: "answers", tone: "kept", icon: "check", word: m.webhook_answers() };
  return { state: "quiet", tone: "muted", icon: "clock", word: m.webhook_quiet() };
}

/** What else there is to say of how it is doing; empty: nothing. */
export function webhookDetail({ ended_at, halted_at, failing_since, last_status, last_taken_at }: Webhook): string {
  if (ended_at) return "";
  if (halted_at) return m.webhook_halted_text();
  if (failing_since) return m.webhook_failing_text({ status: last_status || m.webhook_no_answer() });
  return last_taken_at ? m.webhook_taken({ when: whenOf(last_taken_at) }) : "";
}

export function triedStanding({ status, milliseconds: ms }: Tried): Standing {
  if (status === 0) return { state: "silent", tone: "stat", icon: "no", word: m.webhook_tried_none({ ms }) };
  const isTaken = status >= 200 && status < 300;
  const word = m.webhook_tried({ status, ms });
  return isTaken ? { state: "taken", tone: "kept", icon: "check", word } : { state: "refused", tone: "stat", icon: "warn", word };
}
