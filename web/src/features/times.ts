/** Times and ages in the reader's language. Every function takes `now` from the one clock, so what it says follows the clock. */
import { m } from "../paraglide/messages";
import { preferences } from "./preferences.svelte";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const formats = new Map<string, Intl.DateTimeFormat>();

function format(name: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${preferences.locale} ${name}`;
  const found = formats.get(key) ?? new Intl.DateTimeFormat(preferences.locale === "de" ? "de-DE" : "en-GB", options);
  formats.set(key, found);
  return found;
}

export const timeOf = (iso: string): string => format("time", { hour: "2-digit", minute: "2-digit" }).format(new Date(iso));
export const dateOf = (iso: string): string => format("date", { day: "numeric", month: "short", year: "numeric" }).format(new Date(iso));

export function dayKey(iso: string): string {
  return new Date(iso).toDateString();
}

export function dayOf(iso: string, now: number): string {
  const day = new Date(iso).toDateString();
  if (day === new Date(now).toDateString()) return m.today();
  if (day === new Date(now - DAY).toDateString()) return m.yesterday();
  return format("day", { weekday: "long", day: "numeric", month: "long" }).format(new Date(iso));
}

/** For a list: the time today, else the day. */
export function shortOf(iso: string, now: number): string {
  if (dayKey(iso) === new Date(now).toDateString()) return timeOf(iso);
  if (dayKey(iso) === new Date(now - DAY).toDateString()) return m.yesterday();
  return format("short", { day: "2-digit", month: "2-digit" }).format(new Date(iso));
}

export function untilOf(iso: string, now: number): string {
  return dayKey(iso) === new Date(now).toDateString() || Date.parse(iso) - now < 18 * HOUR ? timeOf(iso) : `${shortOf(iso, now)}, ${timeOf(iso)}`;
}

export function ageOf(iso: string, now: number): string {
  const age = Math.max(0, now - Date.parse(iso));
  if (age < MINUTE) return m.age_now();
  if (age < HOUR) return m.age_minutes({ n: Math.floor(age / MINUTE) });
  if (age < DAY) return m.age_hours({ n: Math.floor(age / HOUR) });
  return m.age_days({ n: Math.floor(age / DAY) });
}

/** `4:09`, or `2 h 05` above an hour; never below zero, and never more than is left although the page looks at its clock once a second. */
export function countdown(iso: string, now: number): string {
  const left = Math.max(0, Math.floor((Date.parse(iso) - now) / 1000));
  const [hours, minutes, seconds] = [Math.floor(left / 3600), Math.floor(left / 60) % 60, left % 60];
  const two = (value: number): string => String(value).padStart(2, "0");
  return hours ? `${hours} h ${two(minutes)}` : `${minutes}:${two(seconds)}`;
}

/** A span in the largest unit that says it exactly: `30 s`, `5 min`, `2 h`. */
export function lasting(seconds: number): string {
  if (seconds % 3600 === 0) return m.hours_n({ n: seconds / 3600 });
  return seconds % 60 === 0 ? m.minutes({ n: seconds / 60 }) : m.seconds({ n: seconds });
}

export const isPast = (iso: string, now: number): boolean => Date.parse(iso) <= now;
