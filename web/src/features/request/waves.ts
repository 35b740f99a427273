/** Asking one hospital after the other: the groups while choosing, and what still waits of a request. Pure. */
import type { BedRequest, Candidate, CandidateState, Urgency } from "../../sync/types";

export type Groups = string[][];

/** `groups` with just the hospitals in `chosen`; who is new comes last, in a group of their own. */
export function groupsOf(groups: Groups, chosen: string[]): Groups {
  const known = groups.flat();
  const kept = groups.map((group) => group.filter((id) => chosen.includes(id)));
  return [...kept, ...chosen.filter((id) => !known.includes(id)).map((id) => [id])].filter((group) => group.length > 0);
}

/** Whether `shifted` would change anything: the only one of the first group cannot be asked earlier. */
export function canShift(groups: Groups, hospital: string, by: -1 | 1): boolean {
  const at = groups.findIndex((group) => group.includes(hospital));
  const isAlone = groups[at]?.length === 1;
  return !(isAlone && at === (by < 0 ? 0 : groups.length - 1));
}

/** The hospital one group earlier or later; beyond the ends, a group of its own. */
export function shifted(groups: Groups, hospital: string, by: -1 | 1): Groups {
  if (!canShift(groups, hospital, by)) return groups;
  const at = groups.findIndex((group) => group.includes(hospital)) + by;
  const others = groups.map((group) => group.filter((id) => id !== hospital));
  const moved = at < 0 ? [[hospital], ...others] : at === groups.length ? [...others, [hospital]] : others.map((group, n) => (n === at ? [...group, hospital] : group));
  return moved.filter((group) => group.length > 0);
}

/** Minutes from one group to the next; the first is the urgency's own time to acknowledge. */
export const WAITS: Record<Urgency, number[]> = { stat: [5, 2, 10, 15], asap: [15, 5, 10, 30], urgent: [60, 15, 30, 120], routine: [240, 60, 120, 480] };

export interface Wave {
  number: number;
  candidates: Candidate[];
  /** When it is asked if nobody answers; null: nobody knows, because a hospital is dealing with the request. */
  at: string | null;
}

/** The groups not asked yet, in order. */
export function waiting(request: BedRequest): Wave[] {
  const drafts = request.candidates.filter((each) => each.state === "draft");
  const numbers = [...new Set(drafts.map((each) => each.wave ?? 1))].sort((a, b) => a - b);
  const { next_wave_at: next, wave_interval: interval } = request;
  const later = (steps: number): string | null => (next === null || dealingWith(request) ? null : new Date(Date.parse(next) + steps * (interval ?? 0) * 1000).toISOString());
  return numbers.map((number, steps) => ({ number, candidates: drafts.filter((each) => (each.wave ?? 1) === number), at: later(steps) }));
}

const ENGAGED: CandidateState[] = ["held", "info-requested", "acknowledged"];

/** The hospital that holds back the next group: it offers, asks back or looks. */
export function dealingWith(request: BedRequest): Candidate | null {
  return ENGAGED.flatMap((state) => request.candidates.filter((each) => each.state === state))[0] ?? null;
}
