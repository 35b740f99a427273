/** Rows and times of the statistics in the reader's language. */
import type { Measure, StatisticsGroup, StatisticsRow, TimesTaken } from "../../sync/numbers";
import { m } from "../../paraglide/messages";
import * as words from "../words";
import { durationOf } from "./figures";

export function duration(seconds: number): string {
  const found = durationOf(seconds);
  if (found.unit === "hours") return m.duration_hours({ h: found.h, m: found.m });
  return { seconds: m.duration_seconds, minutes: m.duration_minutes, days: m.duration_days }[found.unit]({ n: found.n });
}

const GROUP_WORDS: Record<StatisticsGroup, () => string> = { hospital: m.group_hospital, category: m.group_category, urgency: m.group_urgency, hour: m.group_hour };
const MEASURE_WORDS: Record<Measure, () => string> = { acknowledge: m.measure_acknowledge, offer: m.measure_offer, confirm: m.measure_confirm, arrive: m.measure_arrive };

export const groupWord = (group: StatisticsGroup): string => GROUP_WORDS[group]();
export const measureWord = (measure: Measure): string => MEASURE_WORDS[measure]();
export const hourWord = (hour: number): string => m.hour_of({ hour });

export function rowWord(group: StatisticsGroup, row: StatisticsRow): string {
  if (group === "hospital") return row.name ?? "";
  if (group === "hour") return hourWord(Number(row.key));
  return group === "category" ? words.category(row.key) : words.urgency(row.key);
}

export function timeWords(taken: TimesTaken): string {
  if (taken.median === null || taken.p90 === null) return m.statistics_withheld();
  return `${m.statistics_half({ time: duration(taken.median) })}, ${m.statistics_nine({ time: duration(taken.p90) })}`;
}

export const endWord = (state: string): string => (state === "open" ? m.state_open() : words.stateWords(state as Parameters<typeof words.stateWords>[0], false).word);
