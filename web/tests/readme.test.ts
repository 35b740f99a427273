import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const WEB = join(import.meta.dirname, "..");

test("the README names every test id of the screens", () => {
  const named = new Set([...readFileSync(join(WEB, "README.md"), "utf8").matchAll(/`([\w-]+)`/g)].map(([, name]) => name));
  const files = readdirSync(join(WEB, "src"), { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".svelte"));
  const sources = files.map((name) => readFileSync(join(WEB, "src", name), "utf8")).join("\n");
  const used = [...sources.matchAll(/testid="([\w-]+)"/g)].map(([, id]) => id);

  expect(used.length).toBeGreaterThan(100);
  expect(used.filter((id) => !named.has(id))).toEqual([]);
});
