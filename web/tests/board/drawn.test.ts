import { expect, test } from "vitest";
import { chartOf, midnights } from "../../src/features/board/chart";
import { layOut } from "../../src/features/board/map";
import type { FigurePoint } from "../../src/sync/types";

const FRAME = { width: 100, height: 50 };
const HOUR = 3_600_000;
const SINCE = Date.parse("2026-03-01T00:00:00Z");
const point = (hour: number, free: number, least = free): FigurePoint => ({
  at: new Date(SINCE + hour * HOUR).toISOString(), staffed: 10, occupied: 10 - free, blocked: 0, free, free_least: least, assessment: "unknown", source: "manual", cause: "report",
});

test("a figure stands until the next, and the last until now", () => {
  const chart = chartOf([point(0, 4), point(5, 2)], SINCE, SINCE + 10 * HOUR, FRAME);
  expect(chart?.line).toBe("M0 0H50L50 25H100");
  expect(chart?.area).toBe("M0 0H50L50 25H100V50H0Z");
});

test("a time without a bed is marked, also where the thinned point ended better", () => {
  const chart = chartOf([point(0, 4), point(5, 0), point(6, 1), point(8, 3, 0)], SINCE, SINCE + 10 * HOUR, FRAME);
  expect(chart?.full).toEqual([{ x: 50, width: 10 }, { x: 80, width: 20 }]);
  expect([chart?.least, chart?.most]).toEqual([0, 4]);
});

test("nothing reported draws nothing", () => {
  expect(chartOf([], SINCE, SINCE + HOUR, FRAME)).toBeNull();
});

test("a week has its midnights", () => {
  expect(midnights(SINCE, SINCE + 7 * 24 * HOUR)).toHaveLength(new Date(SINCE).getHours() === 0 ? 6 : 7);
});

const HOME = { latitude: 48.5, longitude: 9 };
const spot = (id: string, north: number, east: number) => ({ id, latitude: 48.5 + north / 111.2, longitude: 9 + east / (111.2 * Math.cos((48.5 * Math.PI) / 180)) });

test("north is up, the own house in the middle, distances true", () => {
  const { marks } = layOut([spot("home", 0, 0), spot("north", 40, 0), spot("east", 0, 20)], HOME, 390, 600);
  const [home, north, east] = marks;
  expect(home).toMatchObject({ x: 195, y: 300 });
  expect(north?.x).toBeCloseTo(195);
  expect(north?.y).toBeLessThan(300);
  expect(300 - (north?.y ?? 0)).toBeCloseTo(2 * ((east?.x ?? 0) - 195));
});

test("everybody is within the frame", () => {
  const { marks } = layOut([spot("home", 0, 0), ...[90, -200, 400].map((far, index) => spot(String(index), far, -far / 2))], HOME, 390, 600);
  for (const { x, y } of marks) expect([x >= 24, x <= 366, y >= 24, y <= 576]).toEqual([true, true, true, true]);
});

test("what a thumb could not tell apart is one mark; three hundred hospitals keep their distance", () => {
  const many = Array.from({ length: 300 }, (_, n) => spot(`h${n}`, ((n * 37) % 200) - 100, ((n * 61) % 160) - 80));
  const { marks } = layOut([spot("home", 0, 0), ...many], HOME, 390, 600);
  expect(marks.flatMap(({ ids }) => ids)).toHaveLength(301);
  marks.forEach((a, i) => marks.slice(i + 1).forEach((b) => expect(Math.hypot(a.x - b.x, a.y - b.y)).toBeGreaterThanOrEqual(48)));
});
