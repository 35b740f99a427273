/** What the roster says of the days to come, as lists a screen can show. */
import type { Duty, Gap, Turn } from "../../sync/types";
import { dayKey } from "../times";

export interface Entry { since: string; until: string | null; person: string | null }
export interface Day { key: string; since: string; entries: Entry[] }

/** Who is planned after the running turn. */
export const nextTurn = (duty: Duty, now: number): Turn | undefined => duty.turns.find(({ since }) => Date.parse(since) > now);

/** When nobody has the role although somebody has it now: what is to be warned of. */
export const gapAhead = (duty: Duty, now: number): Gap | undefined => duty.gaps.find(({ since }) => Date.parse(since) > now);

/** Somebody's turns that are not over, over all roles, the next one first. */
export function turnsOf(duties: readonly Duty[], person: string | null, now: number): (Turn & { role: string })[] {
  const all = duties.flatMap(({ role, turns }) => turns.filter((turn) => turn.person === person).map((turn) => ({ ...turn, role })));
  return all.filter(({ until }) => until === null || Date.parse(until) > now).sort((a, b) => a.since.localeCompare(b.since));
}

/** Turns and gaps in one list, by the day on which each begins; what began earlier stands under the day of `now`. */
export function byDay(turns: readonly Turn[], gaps: readonly Gap[], now: number): Day[] {
  const entries: Entry[] = [...turns, ...gaps.map((gap) => ({ ...gap, person: null }))].sort((a, b) => a.since.localeCompare(b.since));
  const days: Day[] = [];
  for (const entry of entries) {
    const since = Date.parse(entry.since) < now ? new Date(now).toISOString() : entry.since;
    const key = dayKey(since);
    const day = days.at(-1);
    if (day?.key === key) day.entries.push(entry);
    else days.push({ key, since, entries: [entry] });
  }
  return days;
}
