import { describe, expect, test } from "vitest";
import { b64u, Directory, parseStatement, sha256, sign, signingKeyFromSeed, verifyStatement } from "../../src/crypto";
import { bin, plain, read, refusal, vectors } from "./vectors";

interface StatementVector { h: string; s: string; signer_seed: string; signer_public: string; header: object }

describe("statements", () => {
  const verify = (v: Record<string, string>) => verifyStatement({ h: bin(v["h"]), s: bin(v["s"]) }, bin(v["signer_public"]));

  test.each(vectors<StatementVector>("statements", "statements"))("both ways: $name", async (v) => {
    const statement = await parseStatement({ h: bin(v.h), s: bin(v.s) });
    const { h: _h, s: _s, digest: _digest, ...header } = statement;
    expect(plain(header)).toEqual(v.header);
    await verifyStatement(statement, bin(v.signer_public));
    const signer = await signingKeyFromSeed(bin(v.signer_seed));
    expect(b64u(await sign(signer, "wardline/1 sig-statement", await sha256(bin(v.h))))).toBe(v.s);
  });
  test.each(vectors("statements", "verify_refused"))("not signed: $name", async (v) => expect(await refusal(() => verify(v))).toBe(v.error));
  test.each(vectors("statements", "headers_refused"))("refused: $name", async (v) => {
    expect(await refusal(() => parseStatement({ h: bin(v["h"]), s: new Uint8Array(64) }))).toBe(v.error);
  });
});

describe("directory", () => {
  interface DirectoryVector {
    pins: Record<string, string>;
    statements: number[];
    ask: { principal?: string; device?: string; ever?: string };
    answer?: Record<string, unknown>;
  }
  const all = read("directory")["statements"] as { h: string; s: string }[];

  async function ask(v: DirectoryVector): Promise<unknown> {
    const statements = await Promise.all(v.statements.map((i) => parseStatement({ h: bin(all[i]?.h), s: bin(all[i]?.s) })));
    const directory = new Directory(new Map(Object.entries(v.pins).map(([hospital, root]) => [hospital, bin(root)])));
    await directory.extend(statements);
    if (!v.ask.principal) {
      const { principal, sign } = v.ask.device ? await directory.device(v.ask.device) : directory.deviceEver(v.ask.ever ?? "");
      return { principal, sign };
    }
    const { kind, hospital, generation, kem, sign, profile, eligible } = directory.principal(v.ask.principal);
    return { kind, hospital, generation, kem, sign, profile, eligible };
  }

  test.each(vectors<DirectoryVector>("directory", "directories"))("$name", async (v) => {
    if (v.answer) expect(plain(await ask(v))).toEqual(v.answer);
    else expect(await refusal(() => ask(v))).toBe(v.error);
  });
});
