/** A hospital's own time, on a desk that may stand in another zone. */

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const parts = new Map<string, Intl.DateTimeFormat>();

/** What the clocks of `zone` show at `at`, as an input of type `datetime-local` has it: `2026-11-30T07:00`. */
export function wallTime(at: Date, zone: string): string {
  const made = parts.get(zone) ?? new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short", timeStyle: "short" });
  parts.set(zone, made);
  return made.format(at).replace(" ", "T");
}

const asUtc = (wall: string): number => Date.parse(`${wall}Z`);

/** When the clocks of `zone` show `wall`: of two such moments the first; for a time that is skipped, the moment of the change (as the service reads it). */
export function momentOf(wall: string, zone: string): Date {
  const wanted = asUtc(wall);
  const shown = (at: number): number => asUtc(wallTime(new Date(at), zone));
  // The clocks change at most once in these two days: by the offset before it, or after it.
  const found = [wanted - DAY, wanted + DAY].map((near) => wanted - (shown(near) - near)).filter((at) => shown(at) === wanted);
  if (found.length > 0) return new Date(Math.min(...found));
  let [before, after] = [wanted - DAY, wanted + DAY];
  while (after - before > MINUTE) {
    const middle = Math.floor((before + after) / (2 * MINUTE)) * MINUTE;
    if (shown(middle) >= wanted) after = middle;
    else before = middle;
  }
  return new Date(after);
}

/** Midnight of the Monday of the week in which `at` lies, in `zone`; `weeks` later. */
export function mondayOf(at: Date, zone: string, weeks = 0): Date {
  const day = new Date(`${wallTime(at, zone).slice(0, 10)}T00:00Z`);
  day.setUTCDate(day.getUTCDate() - ((day.getUTCDay() + 6) % 7) + 7 * weeks);
  return momentOf(`${day.toISOString().slice(0, 10)}T00:00`, zone);
}
