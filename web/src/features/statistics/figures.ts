/** From the server's rows to what the charts draw. Pure. */
import type { Measure, StatisticsGroup, StatisticsRow } from "../../sync/numbers";

export const MEASURES: readonly Measure[] = ["acknowledge", "offer", "confirm", "arrive"];
export const GROUPS: readonly StatisticsGroup[] = ["hospital", "category", "urgency", "hour"];
export const PERIODS = ["7", "30", "90", "365"] as const;

/** Shares of the longest, 0 to 1; null where the server withheld the time. */
export interface Bar { row: StatisticsRow; median: number | null; p90: number | null }

export function barsOf(rows: readonly StatisticsRow[], measure: Measure): Bar[] {
  const longest = Math.max(1, ...rows.map((row) => row.times[measure].p90 ?? 0));
  const share = (value: number | null): number | null => (value === null ? null : value / longest);
  return rows.map((row) => ({ row, median: share(row.times[measure].median), p90: share(row.times[measure].p90) }));
}

/** 24 counts; an hour without a request is 0. */
export function hoursOf(rows: readonly StatisticsRow[]): number[] {
  const counts = new Map(rows.map((row) => [Number(row.key), row.asked]));
  return Array.from({ length: 24 }, (_, hour) => counts.get(hour) ?? 0);
}

/** The hour with the most requests; null when there is none. */
export function busiest(hours: readonly number[]): { hour: number; count: number } | null {
  const count = Math.max(...hours);
  return count > 0 ? { hour: hours.indexOf(count), count } : null;
}

/** What happened, most often first; what never happened is left out. */
export function ranked(counts: Record<string, number>): { code: string; count: number }[] {
  return Object.entries(counts).filter(([, count]) => count > 0).map(([code, count]) => ({ code, count })).sort((a, b) => b.count - a.count);
}

export type Duration = { unit: "seconds" | "minutes" | "days"; n: number } | { unit: "hours"; h: number; m: string };

/** Coarse as people speak of waiting: seconds below two minutes, days above two. */
export function durationOf(seconds: number): Duration {
  if (seconds < 120) return { unit: "seconds", n: seconds };
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return { unit: "minutes", n: minutes };
  if (minutes < 48 * 60) return { unit: "hours", h: Math.floor(minutes / 60), m: String(minutes % 60).padStart(2, "0") };
  return { unit: "days", n: Math.round(minutes / 1440) };
}

/** The first of the last `days` days, today included, as a date of the calendar here. */
export function firstDay(days: number, now: number): string {
  const day = new Date(now);
  day.setDate(day.getDate() - days + 1);
  const two = (value: number): string => String(value).padStart(2, "0");
  return `${day.getFullYear()}-${two(day.getMonth() + 1)}-${two(day.getDate())}`;
}
