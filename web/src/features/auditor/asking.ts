/** From what a form says to what the log is asked. Pure. */
import type { AuditFilter, Outcome } from "../../sync/audit";

export const PERIODS = ["1", "7", "30", "all", "days"] as const;
export type Period = (typeof PERIODS)[number];

export interface Form {
  period: Period;
  /** Days of the calendar here, `2026-03-29`, both included; for `days` alone. */
  from: string;
  to: string;
  action: string;
  outcome: "" | Outcome;
  person: string;
  /** A request, conversation, message or device. */
  about: string;
}

export const EMPTY: Form = { period: "7", from: "", to: "", action: "", outcome: "", person: "", about: "" };

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const DAY = 86_400_000;

export const isId = (text: string): boolean => UUID.test(text.trim());

/** What cannot be asked as it stands: a broken id, or a span that ends before it begins. */
export function faultOf({ period, from, to, about }: Form): "id" | "span" | null {
  if (about.trim() && !isId(about)) return "id";
  return period === "days" && from && to && to < from ? "span" : null;
}

/** Midnight here at the beginning of a day, `days` later. */
export function midnight(day: string, days = 0): string {
  const [year = 0, month = 1, date = 1] = day.split("-").map(Number);
  return new Date(year, month - 1, date + days).toISOString();
}

export function spanOf({ period, from, to }: Pick<Form, "period" | "from" | "to">, now: number): Pick<AuditFilter, "since" | "until"> {
  if (period === "all") return {};
  if (period !== "days") return { since: new Date(now - Number(period) * DAY).toISOString() };
  return { ...(from && { since: midnight(from) }), ...(to && { until: midnight(to, 1) }) };
}

export function filterOf(form: Form, now: number): AuditFilter {
  return {
    ...spanOf(form, now),
    ...(form.action && { action: [form.action] }),
    ...(form.outcome && { outcome: [form.outcome] }),
    ...(form.person && { person: form.person }),
    ...(form.about.trim() && { subject: form.about.trim() }),
  };
}

/** Codes and numbers of an event as they came: `reason: no-bed`. */
export function detailsOf(detail: Record<string, unknown>): { name: string; value: string }[] {
  return Object.entries(detail).map(([name, value]) => ({ name, value: Array.isArray(value) ? value.join(", ") : String(value) }));
}

export const shortId = (id: string): string => id.slice(0, 8);


/** The day of the calendar here. */
export function dayHere(at: number): string {
  const day = new Date(at);
  const two = (value: number): string => String(value).padStart(2, "0");
  return `${day.getFullYear()}-${two(day.getMonth() + 1)}-${two(day.getDate())}`;
}
