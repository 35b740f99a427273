/** A roster in words, in the hospital's own time. */
import type { Pattern, Roster } from "../../sync/rosters";
import { m } from "../../paraglide/messages";
import { preferences } from "../preferences.svelte";
import { wallTime } from "./zoned";

export interface Entry { since: string; until: string | null; person: string | null; isPlanned: boolean }
export interface Day { key: string; since: Date; entries: Entry[] }

const language = (): string => (preferences.locale === "de" ? "de-DE" : "en-GB");

export const dayWords = (at: Date, zone: string): string =>
  new Intl.DateTimeFormat(language(), { timeZone: zone, weekday: "short", day: "numeric", month: "short" }).format(at);

const timeIn = (iso: string, zone: string): string => wallTime(new Date(iso), zone).slice(11);

export const spanWords = ({ since, until }: Entry, zone: string): string => `${timeIn(since, zone)}–${until ? timeIn(until, zone) : "…"}`;

/** Monday is 1. 5 January 2026 was one. */
export const weekdayWord = (day: number): string =>
  new Intl.DateTimeFormat(language(), { timeZone: "UTC", weekday: "short" }).format(new Date(Date.UTC(2026, 0, 4 + day)));

export function weekdayWords({ weekdays, every }: Pattern): string {
  const days = weekdays.length === 7 ? m.every_day() : weekdays.map(weekdayWord).join(" ");
  return every === 1 ? days : `${days} (${m.every_weeks({ n: every })})`;
}

/** Turns and gaps from `since` to before `until`, by the day on which each begins; what began before stands under the first. */
export function daysOf({ turns, gaps, time_zone }: Roster, since: Date, until: Date): Day[] {
  const entries: Entry[] = [...turns.map(({ is_planned, ...turn }) => ({ ...turn, isPlanned: is_planned })), ...gaps.map((gap) => ({ ...gap, person: null, isPlanned: false }))];
  const days: Day[] = [];
  for (const entry of entries.sort((a, b) => a.since.localeCompare(b.since))) {
    const at = new Date(Math.max(Date.parse(entry.since), since.getTime()));
    if (at >= until) continue;
    const key = wallTime(at, time_zone).slice(0, 10);
    const day = days.at(-1);
    if (day?.key === key) day.entries.push(entry);
    else days.push({ key, since: at, entries: [entry] });
  }
  return days;
}
