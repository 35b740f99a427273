import { describe, expect, test } from "vitest";
import {
  b64u,
  fingerprint,
  formatRecoveryCode,
  hkdf,
  hpkeOpen,
  kemKeyFromSeed,
  keyId,
  openHistory,
  linkDigits,
  linkSecret,
  openLink,
  openLinkFor,
  openProfile,
  openRoleSeed,
  parseLinkOf,
  parseRecoveryCode,
  principalKeys,
  profileDigest,
  rootKey,
  sealHistory,
  signingKeyFromSeed,
  signPin,
  unb64u,
  unwrapSeed,
  utf8,
  type WrapKind,
  wrapSeed,
  verifyPin,
} from "../../src/crypto";
import { anyObject, MAX_HEADER_BYTES, parseJson, parseObject } from "../../src/crypto/headers";
import { bin, plain, refusal, vectors } from "./vectors";

describe("encoding", () => {
  test.each(vectors("encoding", "base64url"))("both ways: $name", (v) => {
    expect(Buffer.from(unb64u(v["text"] ?? "?")).toString("hex")).toBe(v["hex"]);
    expect(b64u(Uint8Array.from(Buffer.from(v["hex"] ?? "?", "hex")))).toBe(v["text"]);
  });
  test.each(vectors("encoding", "base64url_refused"))("refused: $name", async (v) => {
    expect(await refusal(() => unb64u(v["text"] ?? "?"))).toBe(v.error);
  });
  test.each(vectors<{ bytes: string; value?: object; entries?: [string, unknown][] }>("encoding", "objects"))("object: $name", (v) => {
    const value = anyObject(parseJson(bin(v.bytes)));
    if (v.entries) expect(Object.entries(value)).toEqual(v.entries);
    else expect(value).toEqual(v.value);
  });
  test.each(vectors("encoding", "objects_refused"))("no object: $name", async (v) => {
    const read = () => (bin(v["bytes"]).length > MAX_HEADER_BYTES ? parseObject(bin(v["bytes"]), {}) : anyObject(parseJson(bin(v["bytes"]))));
    expect(await refusal(read)).toBe(v.error);
  });
});

describe("hpke", () => {
  const open = (v: Record<string, string>) => hpkeOpen(kemKeyFromSeed(bin(v["seed"])), bin(v["sealed"]), bin(v["info"]));
  test.each(vectors("hpke", "keys"))("key: $name", (v) => expect(b64u(kemKeyFromSeed(bin(v["seed"])).publicKey)).toBe(v["public"]));
  test.each(vectors("hpke", "open"))("open: $name", async (v) => expect(b64u(await open(v))).toBe(v["plaintext"]));
  test.each(vectors("hpke", "open_refused"))("refused: $name", async (v) => expect(await refusal(() => open(v))).toBe(v.error));
});

describe("keys", () => {
  test.each(vectors("keys", "roots"))("root: $name", async (v) => {
    expect(b64u((await rootKey(parseRecoveryCode(v["code"] ?? "?"))).publicKey)).toBe(v["sign_public"]);
  });
  test.each(vectors("keys", "principals"))("principal: $name", async (v) => {
    const { kem, sign } = await principalKeys(bin(v["seed"]));
    expect([b64u(kem.publicKey), b64u(await keyId(kem.publicKey))]).toEqual([v["kem_public"], v["kem_kid"]]);
    expect([b64u(sign.publicKey), b64u(await keyId(sign.publicKey))]).toEqual([v["sign_public"], v["sign_kid"]]);
    expect(await fingerprint(kem.publicKey, sign.publicKey)).toBe(v["fingerprint"]);
  });
  test.each(vectors("keys", "roots"))("root: $name", async (v) => {
    const root = await signingKeyFromSeed(await hkdf(parseRecoveryCode(v["code"] ?? ""), utf8("wardline/1 root")));
    expect(b64u(root.publicKey)).toBe(v["sign_public"]);
  });

  interface HistoryVector { principal: string; generation: number; former: string; current: string; sealed: string }
  const openFormer = (v: HistoryVector) => openHistory(bin(v.current), v.principal, v.generation, bin(v.sealed));
  test.each(vectors<HistoryVector>("keys", "history"))("history, both ways: $name", async (v) => {
    expect(b64u(await sealHistory(bin(v.current), v.principal, v.generation, bin(v.former)))).toBe(v.sealed);
    expect(b64u(await openFormer(v))).toBe(v.former);
  });
  test.each(vectors<HistoryVector>("keys", "history_refused"))("history refused: $name", async (v) => {
    expect(await refusal(() => openFormer(v))).toBe(v.error);
  });

  const unwrap = (v: Record<string, string>) =>
    unwrapSeed(v["kind"] as WrapKind, bin(v["wrap"]), bin(v["secret"]), bin(v["share"]), v["person"] ?? "");
  test.each(vectors("keys", "wraps"))("wrap, both ways: $name", async (v) => {
    expect(b64u(await unwrap(v))).toBe(v["seed"]);
    const wrap = wrapSeed(v["kind"] as WrapKind, bin(v["seed"]), bin(v["secret"]), bin(v["share"]), v["person"] ?? "", bin(v["nonce"]));
    expect(b64u(await wrap)).toBe(v["wrap"]);
  });
  test.each(vectors("keys", "wraps_refused"))("wrap refused: $name", async (v) => expect(await refusal(() => unwrap(v))).toBe(v.error));

  test.each(vectors("keys", "recovery_codes"))("recovery code: $name", (v) => {
    expect(formatRecoveryCode(bin(v["secret"]))).toBe(v["code"]);
    expect(b64u(parseRecoveryCode(v["code"] ?? ""))).toBe(v["secret"]);
  });
  test.each(vectors("keys", "recovery_codes_read"))("recovery code read: $name", (v) => {
    expect(b64u(parseRecoveryCode(v["code"] ?? ""))).toBe(v["secret"]);
  });
  test.each(vectors("keys", "recovery_codes_refused"))("recovery code refused: $name", async (v) => {
    expect(await refusal(() => parseRecoveryCode(v["code"] ?? ""))).toBe(v.error);
  });
});

describe("links", () => {
  const open = (v: Record<string, unknown>) => openLink(bin(v["sealed"] as string), bin(v["secret"] as string), v["token"] as string);
  test.each(vectors<Record<string, unknown>>("links", "payloads"))("payload: $name", async (v) => expect(plain(await open(v))).toEqual(v["payload"]));
  test.each(vectors("links", "payloads_refused"))("payload refused: $name", async (v) => expect(await refusal(() => open(v))).toBe(v.error));
  const verifying = (v: Record<string, string>) => verifyPin(bin(v["sign"]), v["hospital"] ?? "", bin(v["root"]), bin(v["pin"]));
  test.each(vectors("links", "pins"))("pin: $name", async (v) => {
    await verifying(v);
    const { sign } = await principalKeys(bin(v["seed"]));
    expect(b64u(await signPin(sign, v["hospital"] ?? "", bin(v["root"])))).toBe(v["pin"]);
  });
  test.each(vectors("links", "pins_refused"))("pin refused: $name", async (v) => expect(await refusal(() => verifying(v))).toBe(v.error));
  const claim = (v: Record<string, unknown>) => ({ token: v["token"] as string, sign: bin(v["sign"] as string), kem: bin(v["kem"] as string) });
  test.each(vectors("links", "digits"))("digits: $name", async (v) => {
    expect(b64u(await linkSecret(bin(v["opening"])))).toBe(v["secret"]);
    expect(await linkDigits(bin(v["opening"]), claim(v))).toBe(v["digits"]);
  });
  const openFor = async (v: Record<string, unknown>) => {
    const inner = await openLinkFor(claim(v), kemKeyFromSeed(bin(v["kem_seed"] as string)), bin(v["sealed"] as string));
    return openLink(inner, bin(v["secret"] as string), v["token"] as string);
  };
  test.each(vectors<Record<string, unknown>>("links", "claims"))("claim: $name", async (v) => expect(plain(await openFor(v))).toEqual(v["payload"]));
  test.each(vectors("links", "claims_refused"))("claim refused: $name", async (v) => expect(await refusal(() => openFor(v))).toBe(v.error));
  test.each(vectors("links", "addresses"))("address: $name", (v) => {
    const { token, value } = parseLinkOf(v["kind"] as "link" | "join" | "restore", v["address"] ?? "");
    expect([token, b64u(value)]).toEqual([v["token"], v["value"]]);
  });
  test.each(vectors("links", "addresses_refused"))("address refused: $name", async (v) => {
    expect(await refusal(() => parseLinkOf(v["kind"] as "link" | "join", v["address"] ?? ""))).toBe(v.error);
  });
});

describe("profiles", () => {
  const open = (v: Record<string, unknown>) =>
    openProfile(bin(v["bytes"] as string), typeof v["digest"] === "string" ? bin(v["digest"]) : undefined);
  test.each(vectors<Record<string, unknown>>("profiles", "profiles"))("$name", async (v) => {
    expect(await open(v)).toEqual(v["profile"]);
    expect(b64u(await profileDigest(bin(v["bytes"] as string)))).toBe(v["digest"]);
  });
  test.each(vectors("profiles", "profiles_refused"))("refused: $name", async (v) => expect(await refusal(() => open(v))).toBe(v.error));
});

describe("role seeds", () => {
  const open = (v: Record<string, string>) => openRoleSeed(bin(v["sealed"]), kemKeyFromSeed(bin(v["kem_seed"])), bin(v["h"]));
  test.each(vectors("role_seeds", "open"))("$name", async (v) => expect(b64u(await open(v))).toBe(v["seed"]));
  test.each(vectors("role_seeds", "open_refused"))("refused: $name", async (v) => expect(await refusal(() => open(v))).toBe(v.error));
});
