import { expect, test } from "vitest";
import { barsOf, busiest, durationOf, firstDay, hoursOf, ranked } from "../../src/features/statistics/figures";
import type { StatisticsRow, TimesTaken } from "../../src/sync/numbers";

const NONE: TimesTaken = { count: 0, median: null, p90: null };

function row(key: string, asked: number, acknowledge: TimesTaken = NONE): StatisticsRow {
  return { key, name: null, asked, open: 0, escalated: 0, ended: {}, declined_because: {}, times: { acknowledge, offer: NONE, confirm: NONE, arrive: NONE } };
}

test("bars are shares of the longest that was shown, and what is withheld has none", () => {
  const rows = [row("a", 9, { count: 9, median: 60, p90: 300 }), row("b", 7, { count: 7, median: 30, p90: 150 }), row("c", 2, { count: 2, median: null, p90: null })];

  expect(barsOf(rows, "acknowledge").map(({ median, p90 }) => [median, p90])).toEqual([[0.2, 1], [0.1, 0.5], [null, null]]);
  expect(barsOf(rows, "arrive").map(({ median }) => median)).toEqual([null, null, null]);
});

test("a day has 24 hours, whichever of them had a request", () => {
  const hours = hoursOf([row("0", 2), row("23", 5)]);

  expect(hours).toHaveLength(24);
  expect([hours[0], hours[1], hours[23]]).toEqual([2, 0, 5]);
  expect(busiest(hours)).toEqual({ hour: 23, count: 5 });
  expect(busiest(hoursOf([]))).toBeNull();
});

test("what happened most often comes first, what never happened not at all", () => {
  expect(ranked({ "no-bed": 1, other: 0, "no-staff": 4 })).toEqual([{ code: "no-staff", count: 4 }, { code: "no-bed", count: 1 }]);
});

test.each([
  [0, { unit: "seconds", n: 0 }], [119, { unit: "seconds", n: 119 }], [120, { unit: "minutes", n: 2 }], [3569, { unit: "minutes", n: 59 }],
  [3570, { unit: "hours", h: 1, m: "00" }], [7500, { unit: "hours", h: 2, m: "05" }], [172800, { unit: "days", n: 2 }],
])("%i seconds", (seconds, said) => {
  expect(durationOf(seconds)).toEqual(said);
});

test("the first of thirty days counts today, over the end of a month and a change of clocks", () => {
  expect(firstDay(30, new Date(2026, 3, 10, 0, 30).getTime())).toBe("2026-03-12");
  expect(firstDay(7, new Date(2026, 9, 26, 0, 30).getTime())).toBe("2026-10-20");
});
