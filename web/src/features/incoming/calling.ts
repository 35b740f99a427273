/** Which requests call this person, and in which role. Pure. */
import type { Alarm, BedRequest, Candidate } from "../../sync/types";

export interface Me { held: readonly string[]; eligible: readonly string[] }

/** The roles that answer for the asked hospital: the one asked, and those alarmed since. */
export const answering = (candidate: Candidate): string[] => [candidate.role, ...candidate.alarms.map((each) => each.role)];

/** The latest alarm that is for this person: to a role held now, or to everybody who may hold it. */
export function calledBy(candidate: Candidate, me: Me): Alarm | null {
  const isForMe = (each: Alarm): boolean => me.held.includes(each.role) || (each.whom === "eligible" && me.eligible.includes(each.role));
  return candidate.alarms.filter(isForMe).at(-1) ?? null;
}

/** Takes the whole screen: `stat` to a role held now, and an alarm that was meant so. */
export function isLoud(request: BedRequest, candidate: Candidate, me: Me): boolean {
  const isMine = answering(candidate).some((role) => me.held.includes(role));
  return (request.urgency === "stat" && isMine) || calledBy(candidate, me)?.how === "alarm";
}

/** What was put off stays so until somebody calls again. */
export const callKey = (candidate: Candidate, me: Me): string => `${candidate.id}:${calledBy(candidate, me)?.position ?? 0}`;

/** The role to take before answering: called with everybody who may hold it, and not held. Null: none is needed, or there is none. */
export function roleToTake(candidate: Candidate, me: Me): string | null {
  if (answering(candidate).some((role) => me.held.includes(role))) return null;
  return calledBy(candidate, me)?.role ?? null;
}
