import { describe, expect, test } from "vitest";
import { b64u, headFingerprint, leafHash, parseNote, Tree } from "../../src/crypto";
import { bin, read, refusal, vectors } from "./vectors";

const statements = read("heads")["statements"] as { h: string; s: string }[];

async function grown(size: number): Promise<Tree> {
  const tree = new Tree();
  for (const { h, s } of statements.slice(0, size)) tree.leaves.push(await leafHash({ h: bin(h), s: bin(s) }));
  return tree;
}

describe("heads", () => {
  test.each(vectors<{ size: number; leaf: string; root: string; fingerprint: string }>("heads", "trees"))("tree: $name", async ({ size, leaf, root, fingerprint }) => {
    const tree = await grown(size);
    expect([b64u(tree.leaves.at(-1) ?? new Uint8Array()), b64u(await tree.rootAt(size))]).toEqual([leaf, root]);
    expect(await headFingerprint({ size, root: bin(root) })).toBe(fingerprint);
    expect(b64u(await (await grown(statements.length)).rootAt(size))).toBe(root);
  });
  test.each(vectors<Record<string, string>>("heads", "notes"))("note: $name", async (v) => {
    const { head, key } = await parseNote(v["note"] ?? "", v["hospital"] ?? "", bin(v["key"]));
    expect([head.size, b64u(head.root), b64u(head.signature), key.base]).toEqual([v["size"], v["root"], v["signature"], v["base"]]);
  });
  test.each(vectors<Record<string, string>>("heads", "notes_refused"))("not read: $name", async (v) => {
    expect(await refusal(() => parseNote(v["note"] ?? "", v["hospital"] ?? "", bin(v["key"])))).toBe(v["error"]);
  });
});
