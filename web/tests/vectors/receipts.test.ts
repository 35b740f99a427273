import { describe, expect, test } from "vitest";
import {
  b64u, needDigest, parseAcceptance, parseOffer, parseReceipt, sha256, signAcceptance, signingKeyFromSeed, signOffer, utf8, verifyAcceptance, verifyOffer, verifyReceipt,
} from "../../src/crypto";
import type { Need } from "../../src/crypto";
import { bin, plain, read, refusal, vectors } from "./vectors";

interface Header { h: string; s: string; signer_seed: string; header: object }
interface Whole {
  pins: Record<string, string>;
  offer: object;
  acceptance: object;
  need: Need;
  roots: object;
  statements: number[];
  edit?: [string, string];
  sha256: string;
}

const said = read("receipts")["statements"] as { h: string; s: string }[];

/** The receipt of a case in its one spelling, with the case's edit. */
function composed({ offer, acceptance, need, roots, statements, edit }: Whole): Uint8Array<ArrayBuffer> {
  const members = { acceptance, format: "wardline-receipt/1", need, offer, roots, statements: statements.map((place) => said[place]) };
  const sorted = (_: string, value: unknown): unknown =>
    value !== null && typeof value === "object" && !Array.isArray(value) ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) : value;
  const text = JSON.stringify(members, sorted);
  return utf8(edit ? text.replace(edit[0], () => edit[1]) : text);
}

async function judged(whole: Whole) {
  return verifyReceipt(await parseReceipt(composed(whole)), new Map(Object.entries(whole.pins).map(([hospital, root]) => [hospital, bin(root)])));
}

test.each(vectors<{ need: Need; digest: string }>("receipts", "needs"))("need: $name", async (v) => expect(b64u(await needDigest(v.need))).toBe(v.digest));

describe("headers", () => {
  test.each(vectors<Header>("receipts", "offers"))("both ways: $name", async (v) => {
    const [offer, key] = [parseOffer(bin(v.h)), await signingKeyFromSeed(bin(v.signer_seed))];
    expect(plain(offer)).toEqual({ v: 1, t: "offer", ...v.header });
    await verifyOffer({ h: bin(v.h), s: bin(v.s) }, key.publicKey);
    await verifyOffer(await signOffer(offer, key), key.publicKey);
  });
  test.each(vectors<Header>("receipts", "acceptances"))("both ways: $name", async (v) => {
    const [acceptance, key] = [parseAcceptance(bin(v.h)), await signingKeyFromSeed(bin(v.signer_seed))];
    expect(plain(acceptance)).toEqual({ v: 1, t: "acceptance", ...v.header });
    await verifyAcceptance({ h: bin(v.h), s: bin(v.s) }, key.publicKey);
    await verifyAcceptance(await signAcceptance(acceptance, key), key.publicKey);
  });
  test.each(vectors("receipts", "offers_refused"))("no offer: $name", async (v) => expect(await refusal(() => parseOffer(bin(v["h"])))).toBe(v.error));
  test.each(vectors("receipts", "acceptances_refused"))("no acceptance: $name", async (v) => expect(await refusal(() => parseAcceptance(bin(v["h"])))).toBe(v.error));
  test.each(vectors("receipts", "verify_refused"))("not signed: $name", async (v) => {
    const verify = v["kind"] === "offer" ? verifyOffer : verifyAcceptance;
    expect(await refusal(() => verify({ h: bin(v["h"]), s: bin(v["s"]) }, bin(v["signer_public"])))).toBe(v.error);
  });
});

describe("receipts", () => {
  test.each(vectors<Whole>("receipts", "receipts"))("holds: $name", async (v) => {
    const { offer, acceptance, need } = await judged(v);
    expect(b64u(await sha256(composed(v)))).toBe(v.sha256);
    expect(need).toEqual(v.need);
    expect(b64u(acceptance.offer)).toBe(b64u(await sha256(bin((v.offer as Header).h))));
    expect(offer.candidate).toBe(acceptance.candidate);
  });
  test.each(vectors<Whole>("receipts", "receipts_refused"))("refused: $name", async (v) => expect(await refusal(() => judged(v))).toBe(v.error));
});
