import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { EVERYTHING, type Filter, narrowing, rememberedFilter, rememberFilter, rowsOf } from "../../src/features/board/filter";
import { house, NOW, unit } from "./pieces";

const BOARD = [
  house("far", 80, unit("f1", { capabilities: ["ecmo", "crrt"] })),
  house("near", 20, unit("n1", { capabilities: ["crrt"] }), unit("n2", { category: "ward", available: 5 })),
  house("own", 0, unit("o1", { available: 0 })),
  house("old", 5, unit("x1", { age: 60 * 13 })),
  house("silent", 1),
  house("nowhere", null, unit("y1", { capabilities: ["ecmo"] })),
];
const names = (change: Partial<Filter>, now = NOW): string[] => rowsOf(BOARD, { ...EVERYTHING, ...change }, "own", now).map(({ hospital }) => hospital.hospital);

test("the own house first, then by distance, then what is stale, then what is unknown", () => {
  expect(names({})).toEqual(["own", "near", "far", "nowhere", "old", "silent"]);
});

test("who reported nothing is unknown, never zero and never filtered away by what it may have", () => {
  const row = rowsOf(BOARD, { ...EVERYTHING, category: "icu-high", capabilities: ["ecmo"] }, "own", NOW).find(({ hospital }) => hospital.hospital === "silent");
  expect(row).toMatchObject({ standing: "unknown", units: [] });
});

test("category and every capability, both", () => {
  expect(names({ category: "icu-high", capabilities: ["ecmo", "crrt"] })).toEqual(["far", "silent"]);
  expect(names({ category: "ward" })).toEqual(["near", "silent"]);
});

test("only current figures: neither old nor unknown", () => {
  expect(names({ onlyFresh: true })).toEqual(["own", "near", "far", "nowhere"]);
});

test("within a radius; whose distance nobody knows stays", () => {
  expect(names({ radius: 25 })).toEqual(["own", "near", "nowhere", "old", "silent"]);
});

test("a figure grows stale by the clock here, at the hospital's own limit, with no word from the server", () => {
  expect(names({}, NOW + 11.7 * 3_600_000)).toEqual(["own", "near", "far", "nowhere", "old", "silent"]);
  const later = rowsOf(BOARD, EVERYTHING, "own", NOW + 12 * 3_600_000);
  expect(later.every(({ standing }) => standing !== "fresh")).toBe(true);
});

test("old figures count for nothing in a hospital's sum", () => {
  const [row] = rowsOf([house("a", 1, unit("1", { available: 3 }), unit("2", { available: 4, age: 60 * 24 }))], EVERYTHING, null, NOW);
  expect(row?.available).toBe(3);
  expect(row?.units.map(({ name }) => name)).toEqual(["1", "2"]);
});

test("what narrows is counted", () => {
  expect(narrowing({ ...EVERYTHING, category: "ward" })).toBe(0);
  expect(narrowing({ ...EVERYTHING, capabilities: ["ecmo", "crrt"], onlyFresh: true, radius: 50 })).toBe(4);
});

const kept = new Map<string, string>();
beforeEach(() => vi.stubGlobal("localStorage", { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, value: string) => kept.set(key, value) }));
afterEach(() => { kept.clear(); vi.unstubAllGlobals(); });

test("a filter is remembered, and what is not one is forgotten", () => {
  const filter: Filter = { category: "icu-low", capabilities: ["ecmo"], onlyFresh: true, radius: 50, view: "map" };
  rememberFilter(filter);
  expect(rememberedFilter()).toEqual(filter);

  for (const broken of ["{", "null", JSON.stringify({ category: "beds", capabilities: ["nice"], radius: 7, onlyFresh: "yes", view: "globe" })]) {
    kept.set("wardline-board", broken);
    expect(rememberedFilter()).toEqual(EVERYTHING);
  }
});
