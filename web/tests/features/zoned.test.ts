import { expect, test } from "vitest";
import { momentOf, mondayOf, wallTime } from "../../src/features/roster/zoned";

test.each([
  ["2026-11-30T07:00", "Europe/Berlin", "2026-11-30T06:00:00.000Z"],
  ["2026-07-30T07:00", "Europe/Berlin", "2026-07-30T05:00:00.000Z"],
  ["2026-10-25T02:30", "Europe/Berlin", "2026-10-25T00:30:00.000Z"], // comes twice: the first
  ["2027-03-28T02:30", "Europe/Berlin", "2027-03-28T01:00:00.000Z"], // is skipped: the change
  ["2026-11-30T07:00", "Asia/Tokyo", "2026-11-29T22:00:00.000Z"],
  ["2026-11-30T07:00", "America/St_Johns", "2026-11-30T10:30:00.000Z"],
])("%s in %s is %s", (wall, zone, moment) => {
  expect(momentOf(wall, zone).toISOString()).toBe(moment);
});

test("the wall shows what was asked for", () => {
  expect(wallTime(new Date("2026-11-29T23:30:00Z"), "Europe/Berlin")).toBe("2026-11-30T00:30");
});

test("a week begins on Monday at midnight on the wall, also across a clock change", () => {
  const sunday = new Date("2026-10-25T20:00:00Z");
  expect(mondayOf(sunday, "Europe/Berlin").toISOString()).toBe("2026-10-18T22:00:00.000Z");
  expect(mondayOf(sunday, "Europe/Berlin", 1).toISOString()).toBe("2026-10-25T23:00:00.000Z");
});
