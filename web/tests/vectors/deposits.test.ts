import { describe, expect, test } from "vitest";
import {
  askFingerprint, b64u, type Bytes, Directory, handOn, kemKeyFromSeed, makeDeposit, parseAsk, parseDeposit, parseStatement, restoreSeed,
} from "../../src/crypto";
import { bin, plain, refusal, vectors } from "./vectors";

interface OfficersVector { pins: Record<string, string>; hospital: string; statements: { h: string; s: string }[]; answer?: unknown }
interface RestoredVector { deposit: string; ask: string; kem_seed: string; officers: [number, string, string][]; seed: string }
interface RefusedVector { deposit: string; ask: string; kem_seed: string; handed: [number, string][] }

describe("recovery officers", () => {
  async function officers(v: OfficersVector): Promise<unknown> {
    const directory = new Directory(new Map(Object.entries(v.pins).map(([hospital, root]) => [hospital, bin(root)])));
    await directory.extend(await Promise.all(v.statements.map(({ h, s }) => parseStatement({ h: bin(h), s: bin(s) }))));
    return plain(directory.officers(v.hospital)?.body.officers ?? null);
  }

  test.each(vectors<OfficersVector>("deposits", "officers"))("$name", async (v) => {
    if (v.answer !== undefined) expect(await officers(v)).toEqual(v.answer);
    else expect(await refusal(() => officers(v))).toBe(v.error);
  });
});

describe("deposits", () => {
  test.each(vectors("deposits", "deposits_refused"))("refused: $name", async (v) => expect(await refusal(() => parseDeposit(bin(v["h"])))).toBe(v.error));
  test.each(vectors("deposits", "asks_refused"))("ask refused: $name", async (v) => expect(await refusal(() => parseAsk(bin(v["h"])))).toBe(v.error));
  test.each(vectors("deposits", "asks"))("digits: $name", async (v) => {
    expect(await askFingerprint(await parseAsk(bin(v["h"])))).toBe(v["fingerprint"]);
  });

  async function given(v: { deposit: string; ask: string; kem_seed: string }) {
    return [await parseAsk(bin(v.ask)), await parseDeposit(bin(v.deposit)), kemKeyFromSeed(bin(v.kem_seed))] as const;
  }

  test.each(vectors<RestoredVector>("deposits", "restored"))("$name", async (v) => {
    const [ask, deposit, kem] = await given(v);
    const handed = new Map<number, Bytes>();
    for (const [place, seed, sealed] of v.officers) handed.set(place, await handOn(ask, deposit, place, kemKeyFromSeed(bin(seed)), bin(sealed)));
    expect(b64u(await restoreSeed(ask, deposit, kem, handed))).toBe(v.seed);
  });
  test.each(vectors<RefusedVector>("deposits", "restored_refused"))("not given back: $name", async (v) => {
    const [ask, deposit, kem] = await given(v);
    const handed = new Map(v.handed.map(([place, sealed]) => [place, bin(sealed)]));
    expect(await refusal(() => restoreSeed(ask, deposit, kem, handed))).toBe(v.error);
  });

  test("what is made here opens for its officers, in their places alone", async () => {
    const [v] = vectors<RestoredVector>("deposits", "restored");
    if (!v) throw new Error("no vector");
    const [ask, known, kem] = await given(v);
    const officers = [1, 2, 3].map((n) => kemKeyFromSeed(new Uint8Array(32).fill(n)));
    const { deposit, sealed } = await makeDeposit(bin(v.seed), known, officers.map(({ publicKey }) => publicKey));
    const handed = new Map<number, Bytes>();
    for (const [place, officer] of officers.entries()) {
      const own = sealed[place] ?? new Uint8Array();
      handed.set(place, await handOn(ask, deposit, place, officer, own));
      expect(await refusal(() => handOn(ask, deposit, (place + 1) % 3, officer, own))).toBe("wrap.unreadable");
    }
    expect(b64u(await restoreSeed(ask, deposit, kem, handed))).toBe(v.seed);
  });
});
