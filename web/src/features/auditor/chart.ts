/** Events per hour as columns: the hours that the log left out are empty ones. Pure. */
import type { ActivityHour } from "../../sync/audit";

const HOUR = 3_600_000;
const HOURS_SHOWN = 24;

export interface Column { at: number; events: number; refused: number; people: number }

/** Columns of `width` hours from the first hour of the span to its end. */
export function columnsOf(found: readonly ActivityHour[], since: number, until: number, width: number): Column[] {
  const first = Math.floor(since / HOUR) * HOUR;
  const count = Math.max(1, Math.ceil((until - first) / (width * HOUR)));
  const columns = Array.from({ length: count }, (_, index) => ({ at: first + index * width * HOUR, events: 0, refused: 0, people: 0 }));
  for (const { hour, events, refused, people } of found) {
    const column = columns[Math.floor((Date.parse(hour) - first) / (width * HOUR))];
    if (!column) continue;
    column.events += events;
    column.refused += refused;
    // Somebody who was there in two hours is one person: more is not known.
    column.people = Math.max(column.people, people);
  }
  return columns;
}

/** So that no chart has more columns than a phone can show. */
export const widthOf = (days: number): number => Math.max(1, Math.ceil((days * 24) / (HOURS_SHOWN * 4)));

export function totalOf(columns: readonly Column[]): { events: number; refused: number; busiest: Column | null } {
  const sum = (of: (column: Column) => number): number => columns.reduce((total, column) => total + of(column), 0);
  const events = sum((column) => column.events);
  const busiest = columns.reduce<Column | null>((top, column) => (column.events > (top?.events ?? 0) ? column : top), null);
  return { events, refused: sum((column) => column.refused), busiest };
}
