import { describe, expect, test } from "vitest";
import { b64u, headFingerprint, leafHash, parseNote, Tree, Watching } from "../../src/crypto";
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

type Step =
  | ["take", place: number, leaf: string]
  | ["sign", note: string, key: string]
  | ["hear", by: string, size: number, root: string, signature: string]
  | ["expect", leaf: string]
  | ["gaps" | "settle" | "restart"];

/** What a client has seen after the steps. */
async function played(steps: readonly Step[], hospital: string): Promise<Watching> {
  let watching = new Watching(hospital);
  for (const step of steps) {
    if (step[0] === "take") await watching.take(hospital, step[1], bin(step[2]));
    else if (step[0] === "sign") await watching.sign(hospital, step[1], bin(step[2]));
    else if (step[0] === "hear") watching.hear([{ hospital, size: step[2], root: bin(step[3]), signature: bin(step[4]) }], step[1]);
    else if (step[0] === "expect") watching.expect(bin(step[1]));
    else if (step[0] === "gaps") expect(watching.gaps()).toEqual([hospital]);
    else if (step[0] === "settle") await watching.settle(0);
    else watching = new Watching(hospital, await watching.keep());
  }
  return watching;
}

describe("a log is watched", () => {
  const hospital = String(read("watched")["hospital"]);

  test.each(vectors<{ steps: Step[]; trouble: string | null; warned: string[] }>("watched", "watched"))("$name", async ({ steps, trouble, warned }) => {
    const watching = await played(steps, hospital);
    expect(watching.trouble(hospital)?.code ?? null).toBe(trouble);
    expect([...watching.warned.values()].map(({ code }) => code)).toEqual(warned.map((code) => `directory.${code}`));
  });
});
