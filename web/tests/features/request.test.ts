import { expect, test } from "vitest";
import { similarTo } from "../../src/features/request/similar";
import { isFilledFrom, labelOf } from "../../src/features/templates/labels";
import type { RequestTemplate } from "../../src/sync/numbers";
import type { BedRequest } from "../../src/sync/types";

const NOW = Date.parse("2026-03-10T03:00:00Z");
const SOUGHT = { category: "icu-high" as const, ageBand: "adult", sex: "" };

function request(changes: Partial<BedRequest> = {}): BedRequest {
  return {
    id: "r1", origin: "ours", requester: "p", software: "", role: null, category: "icu-high", capabilities: [], urgency: "stat", age_band: "adult", sex: "", transport_mode: "",
    created_at: "2026-03-10T02:48:00Z", closed_at: null, candidates: [], ...changes,
  } as BedRequest;
}

test.each<[string, Partial<BedRequest>, boolean]>([
  ["the same", {}, true],
  ["another urgency", { urgency: "routine", capabilities: ["ecmo"] }, true],
  ["an age left open", { age_band: "" }, true],
  ["a sex where the other leaves it open", { sex: "female" }, true],
  ["another age", { age_band: "child" }, false],
  ["another category", { category: "imc" }, false],
  ["another hospital's", { origin: "theirs" }, false],
  ["one that is over", { closed_at: "2026-03-10T02:50:00Z" }, false],
  ["one of the day before yesterday", { created_at: "2026-03-09T02:59:00Z" }, false],
])("%s", (_, changes, isSimilar) => {
  expect(similarTo([request(changes)], "ours", SOUGHT, NOW)).toHaveLength(isSimilar ? 1 : 0);
});

test("two sexes that differ are two patients, and the newest comes first", () => {
  const woman = request({ id: "w", sex: "female" });
  const newer = request({ id: "n", created_at: "2026-03-10T02:55:00Z" });

  expect(similarTo([woman], "ours", { ...SOUGHT, sex: "male" }, NOW)).toEqual([]);
  expect(similarTo([woman, newer], "ours", SOUGHT, NOW).map(({ id }) => id)).toEqual(["n", "w"]);
});

const said = (code: string): string => code;
const WORDS = { speciality: said, category: said, capability: said, urgency: said, ageBand: said };

function template(id: string, changes: Partial<RequestTemplate> = {}): RequestTemplate {
  return { id, speciality: "neurosurgery", category: "icu-high", capabilities: [], urgency: "asap", age_band: "adult", transport_mode: "", version: 1, ...changes };
}

test("a template is called by its speciality, and by what tells it from its siblings", () => {
  const all = [template("a"), template("b", { category: "imc" }), template("c", { capabilities: ["ecmo", "crrt"] }), template("d", { speciality: "trauma" })];

  expect(all.map((each) => labelOf(each, all, WORDS))).toEqual(["neurosurgery, icu-high", "neurosurgery, imc", "neurosurgery, icu-high, ecmo + crrt", "trauma"]);
});

test("a template is on while the form says what it says", () => {
  const form = { category: "icu-high" as const, capabilities: new Set(["niv"] as const), urgency: "asap" as const, ageBand: "adult", transportMode: "air" };

  expect(isFilledFrom(template("a", { capabilities: ["niv"] }), form)).toBe(true);
  expect(isFilledFrom(template("a"), form)).toBe(false);
  expect(isFilledFrom(template("a", { capabilities: ["niv"], transport_mode: "ground" }), form)).toBe(false);
});
