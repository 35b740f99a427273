/** Who may open which case in an emergency, and what the screens say of it. The server asks all of it again. */
import type { EmergencyReason } from "../../sync/emergencies";
import type { Emergency } from "../../sync/types";
import { m } from "../../paraglide/messages";
import { type Found, model, personName } from "../model.svelte";
import { timeOf } from "../times";
import { isRunning } from "./running";

/** The duty role of a case that I am eligible for and do not hold; null: nothing to break, or not by me. */
export function roleToBreak({ request, candidate }: Found): string | null {
  const { person } = model.session;
  const isPhysician = model.people.get(person ?? "")?.profession === "physician";
  if (!isPhysician || candidate.asked_at === null || candidate.conversation === null || model.conversations.some(({ id }) => id === candidate.conversation)) return null;
  const mine = new Set(model.duty.filter(({ holder }) => holder !== person).map(({ role }) => role));
  const ofCase = [candidate.role, ...candidate.alarms.map(({ role }) => role), request.role];
  return ofCase.find((role) => role !== null && mine.has(role)) ?? null;
}

export const casesToBreak = (role: string): Found[] =>
  model.requests
    .filter(({ closed_at }) => closed_at === null)
    .flatMap((request) => request.candidates.map((candidate) => ({ request, candidate })))
    .filter((found) => roleToBreak(found) === role);

const REASONS: Record<EmergencyReason, () => string> = {
  deterioration: m.emergency_reason_deterioration, no_answer: m.emergency_reason_no_answer, called_in: m.emergency_reason_called_in,
  in_transit: m.emergency_reason_in_transit, other: m.emergency_reason_other,
};

/** A code not known is shown as it came. */
export const reasonWord = (code: string): string => (code in REASONS ? REASONS[code as EmergencyReason]() : code);

export function sentence(each: Emergency, now: number): string {
  const [name, reason] = [personName(each.person) || m.unknown_person(), reasonWord(each.reason)];
  const [from, to] = [timeOf(each.started_at), timeOf(each.ended_at ?? each.ends_at)];
  if (isRunning(each, now)) return m.emergency_running({ name, reason, time: from });
  return each.person === model.session.person ? m.emergency_past_own({ reason, from, to }) : m.emergency_past({ name, reason, from, to });
}
