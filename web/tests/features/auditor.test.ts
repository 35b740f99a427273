import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ACTIONS, PARTS } from "../../src/features/auditor/actions";
import { detailsOf, EMPTY, faultOf, filterOf, midnight, spanOf } from "../../src/features/auditor/asking";
import { columnsOf, totalOf, widthOf } from "../../src/features/auditor/chart";
import { noteOf } from "../../src/features/auditor/note";
import { queryOf } from "../../src/sync/audit";

const NOW = Date.parse("2026-11-23T12:00:00Z");
const HOUR = 3_600_000;

test("a form that says nothing asks for the last seven days alone", () => {
  expect(filterOf(EMPTY, NOW)).toEqual({ since: "2026-11-16T12:00:00.000Z" });
  expect(filterOf({ ...EMPTY, period: "all" }, NOW)).toEqual({});
});

test("days are whole ones, the last included", () => {
  const span = spanOf({ period: "days", from: "2026-03-28", to: "2026-03-29" }, NOW);

  expect(span).toEqual({ since: midnight("2026-03-28"), until: midnight("2026-03-30") });
  expect(new Date(span.until ?? "").getHours()).toBe(0);
  expect(spanOf({ period: "days", from: "", to: "2026-03-29" }, NOW)).toEqual({ until: midnight("2026-03-30") });
});

test("half an id and a span that ends before it begins are not asked", () => {
  const id = "6f1c2b7e-1111-4222-8333-00000000000a";

  expect(faultOf({ ...EMPTY, about: id.slice(0, 20) })).toBe("id");
  expect(faultOf({ ...EMPTY, about: ` ${id} ` })).toBeNull();
  expect(filterOf({ ...EMPTY, period: "all", about: ` ${id} ` }, NOW)).toEqual({ subject: id });
  expect(faultOf({ ...EMPTY, period: "days", from: "2026-03-29", to: "2026-03-28" })).toBe("span");
  expect(faultOf({ ...EMPTY, period: "days", from: "2026-03-29", to: "2026-03-29" })).toBeNull();
});

test("several actions are several parameters, what is empty is none", () => {
  expect(queryOf({ action: ["beds.confirm", "beds.hold"], outcome: [], person: "" }).toString()).toBe("action=beds.confirm&action=beds.hold");
});

test("details are codes as they came", () => {
  expect(detailsOf({ reason: "no-bed", rows: 3, kinds: ["a", "b"] })).toEqual([{ name: "reason", value: "no-bed" }, { name: "rows", value: "3" }, { name: "kinds", value: "a, b" }]);
});

test("hours the log left out are empty columns, and each event is in one", () => {
  const hour = (at: number, events: number, refused: number, people: number) => ({ hour: new Date(NOW + at * HOUR).toISOString(), events, refused, people });
  const found = [hour(-23, 5, 1, 2), hour(-2, 9, 0, 4), hour(-1, 3, 3, 1)];

  const columns = columnsOf(found, NOW - 24 * HOUR + 60_000, NOW + 1, 1);
  expect(columns).toHaveLength(25);
  expect(columns.filter(({ events }) => events > 0).map(({ at }) => (at - NOW) / HOUR)).toEqual([-23, -2, -1]);

  const wide = columnsOf(found, NOW - 24 * HOUR, NOW, 8);
  expect(wide.map(({ events, refused, people }) => [events, refused, people])).toEqual([[5, 1, 2], [0, 0, 0], [12, 3, 4]]);
  expect(totalOf(wide)).toEqual({ events: 17, refused: 4, busiest: wide[2] });
  expect(totalOf(columnsOf([], NOW - HOUR, NOW, 1)).busiest).toBeNull();
});

test("no chart has more columns than a phone can show", () => {
  expect([1, 7, 30].map((days) => Math.ceil((days * 24) / widthOf(days)))).toEqual([24, 84, 90]);
});

test("a checkpoint is read as C2SP tlog-checkpoint has it", () => {
  const text = "log.example/audit/1\n48211\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n— log.example/audit/1 Az3grlgt\n— hohenfeld.example/witness jWbPPwAA\n";

  expect(noteOf(text)).toEqual({ origin: "log.example/audit/1", size: 48211, root: "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=", signers: ["log.example/audit/1", "hohenfeld.example/witness"] });
  expect(noteOf("<html>")).toBeNull();
  expect(noteOf("log\n-1\nroot\n\n")).toBeNull();
});

test.each(["de", "en"])("every action that a filter offers has words (%s)", (locale) => {
  const words = JSON.parse(readFileSync(join(import.meta.dirname, "../../messages", `${locale}.json`), "utf8")) as Record<string, string>;
  const missing = PARTS.flatMap((part) => ACTIONS[part].filter((verb) => !words[`act_${part}_${verb}`] && !words[`act_any_${verb}`]).map((verb) => `${part}.${verb}`));

  expect(missing).toEqual([]);
});
