import { describe, expect, test } from "vitest";
import {
  b64u,
  MAX_BODY_BYTES,
  openEpoch,
  openImage,
  openMessage,
  parseBody,
  parseEpochHeader,
  parseMessageHeader,
  sealedSize,
  sealImage,
  sealUnder,
  sha256,
  signingKeyFromSeed,
  verifyEpoch,
  verifyMessage,
  wrapsDigest,
} from "../../src/crypto";
import { kemKeyFromSeed } from "../../src/crypto/hpke";
import { bin, plain, read, refusal, vectors } from "./vectors";

interface EpochVector { h: string; w: string[]; s: string; index: number; principal: string; kem_seed: string; key: string; device_public: string }

describe("epochs", () => {
  const open = (v: EpochVector) => openEpoch(bin(v.h), bin(v.w[v.index]), v.principal, kemKeyFromSeed(bin(v.kem_seed)));
  const verify = async (v: EpochVector) => verifyEpoch(bin(v.h), await wrapsDigest(v.w.map(bin)), bin(v.s), bin(v.device_public));

  test.each(vectors<EpochVector>("epochs", "open"))("open: $name", async (v) => expect(b64u(await open(v))).toBe(v.key));
  test.each(vectors<EpochVector>("epochs", "open_refused"))("not opened: $name", async (v) => expect(await refusal(() => open(v))).toBe(v.error));
  test.each(vectors<EpochVector>("epochs", "verify"))("signed: $name", async (v) => expect(await verify(v)).toBeUndefined());
  test.each(vectors<EpochVector>("epochs", "verify_refused"))("not signed: $name", async (v) => expect(await refusal(() => verify(v))).toBe(v.error));
  test.each(vectors("epochs", "headers"))("header: $name", (v) => {
    const { v: _v, t: _t, ...header } = plain(parseEpochHeader(bin(v["h"]))) as Record<string, unknown>;
    expect(header).toEqual(v["header"]);
  });
  test.each(vectors("epochs", "headers_refused"))("refused: $name", async (v) => {
    expect(await refusal(() => parseEpochHeader(bin(v["h"])))).toBe(v.error);
  });
});

describe("messages", () => {
  test.each(vectors("messages", "messages"))("both ways: $name", async (v) => {
    const [h, body, key] = [bin(v["h"]), bin(v["body"]), bin(v["key"])];
    const sealed = await sealUnder(h, body, key, await signingKeyFromSeed(bin(v["device_seed"])));
    expect([b64u(sealed.c), b64u(sealed.s)]).toEqual([v["c"], v["s"]]);
    await verifyMessage({ h, c: bin(v["c"]), s: bin(v["s"]) }, bin(v["device_public"]));
    expect(b64u(await openMessage({ h, c: bin(v["c"]) }, key))).toBe(v["body"]);
  });
  test.each(vectors("messages", "open_refused"))("not opened: $name", async (v) => {
    expect(await refusal(() => openMessage({ h: bin(v["h"]), c: bin(v["c"]) }, bin(v["key"])))).toBe(v.error);
  });
  test.each(vectors("messages", "verify_refused"))("not signed: $name", async (v) => {
    expect(await refusal(() => verifyMessage({ h: bin(v["h"]), c: bin(v["c"]), s: bin(v["s"]) }, bin(v["device_public"])))).toBe(v.error);
  });
  test.each(vectors("messages", "headers"))("header: $name", (v) => {
    const { v: _v, t: _t, attachments, ...header } = parseMessageHeader(bin(v["h"])) as unknown as Record<string, unknown>;
    const files = (attachments as unknown[][]).map(([id, sha256, size]) => ({ id, sha256, size }));
    expect(plain({ ...header, attachments: files })).toEqual(v["header"]);
  });
  test.each(vectors("messages", "headers_refused"))("refused: $name", async (v) => {
    expect(await refusal(() => parseMessageHeader(bin(v["h"])))).toBe(v.error);
  });
  test("longest body", () => expect(MAX_BODY_BYTES).toBe(read("messages")["longest_body"]));
});

describe("bodies", () => {
  test.each(vectors("bodies", "bodies"))("read: $name", (v) => expect(plain(parseBody(bin(v["bytes"])))).toEqual(v["value"]));
  test.each(vectors("bodies", "unknown"))("shown as newer: $name", (v) => {
    expect(parseBody(bin(v["bytes"]))).toEqual({ t: "unknown", type: v["t"] });
  });
  test.each(vectors("bodies", "bodies_refused"))("refused: $name", async (v) => expect(await refusal(() => parseBody(bin(v["bytes"])))).toBe(v.error));
});

describe("images", () => {
  interface ImageVector { key: string; length: number; chunk: number; sealed_size: number; sealed_sha256: string; plain_sha256: string; sealed?: string }
  const digest = async (blob: Blob) => b64u(await sha256(new Uint8Array(await blob.arrayBuffer())));

  test.each(vectors<ImageVector>("images", "images"))("both ways: $name", async (v) => {
    const plaintext = new Blob([Uint8Array.from({ length: v.length }, (_, i) => (i * 7 + 3) % 251)]);
    const sealed = await sealImage(plaintext, bin(v.key), v.chunk);
    expect([sealed.size, await digest(sealed)]).toEqual([v.sealed_size, v.sealed_sha256]);
    expect(await digest(await openImage(sealed, bin(v.key), "image/jpeg", v.chunk))).toBe(v.plain_sha256);
    if (v.chunk === 1 << 20) expect(sealedSize(v.length)).toBe(v.sealed_size);
  });
  test.each(vectors<ImageVector>("images", "images_refused"))("refused: $name", async (v) => {
    expect(await refusal(() => openImage(new Blob([bin(v.sealed)]), bin(v.key), "image/jpeg", v.chunk))).toBe(v.error);
  });
});
