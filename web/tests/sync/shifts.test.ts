import { afterEach, expect, test, vi } from "vitest";
import { Value } from "../../src/sync/observable";
import { dutyAt, nextChange, Shifts } from "../../src/sync/shifts";
import type { Duty } from "../../src/sync/types";

const NIGHT = { person: "night", since: "2026-11-28T18:00:00Z", until: "2026-11-29T06:00:00Z" };
const DAY = { person: "day", since: "2026-11-29T06:00:00Z", until: "2026-11-29T18:00:00Z" };
const duty: Duty = { role: "icu", holder: "night", since: NIGHT.since, until: NIGHT.until, turns: [NIGHT, DAY], gaps: [] };
const at = (time: string): number => Date.parse(`2026-11-29T${time}Z`);

afterEach(() => vi.useRealTimers());

test("at seven the next person has the role, and after the last nobody", () => {
  expect(dutyAt(duty, at("05:59:59"))).toBe(duty);
  expect(dutyAt(duty, at("06:00:00"))).toMatchObject({ holder: "day", until: DAY.until });
  expect(dutyAt(duty, at("18:00:00"))).toMatchObject({ holder: null, since: null, until: null });
});

test("a turn without an end holds on, and where no turn is known what was told counts", () => {
  const open: Duty = { ...duty, turns: [{ ...NIGHT, until: null }] };
  expect(dutyAt(open, at("23:00:00")).holder).toBe("night");
  expect(dutyAt({ ...duty, turns: [] }, at("23:00:00")).holder).toBe("night");
});

test("the next change is the nearest beginning or end that is still to come", () => {
  expect(nextChange([duty], at("05:00:00"))).toBe(at("06:00:00"));
  expect(nextChange([duty], at("06:00:00"))).toBe(at("18:00:00"));
  expect(nextChange([duty], at("18:00:00"))).toBeNull();
});

test("it is told a moment after the change, again after the next, and never once closed", () => {
  vi.useFakeTimers({ now: at("05:59:50") });
  const duties = new Value([duty]);
  const told = vi.fn(() => duties.set(duties.value.map((each) => dutyAt(each, Date.now()))));
  const shifts = new Shifts(duties, Date.now, told);

  vi.advanceTimersByTime(9_900);
  expect(told).not.toHaveBeenCalled();
  vi.advanceTimersByTime(2_000);
  expect(duties.value[0]?.holder).toBe("day");

  shifts.close();
  vi.advanceTimersByTime(24 * 3_600_000);
  expect(told).toHaveBeenCalledTimes(1);
});
