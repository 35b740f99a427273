import { readFileSync } from "node:fs";
import { expect } from "vitest";
import { b64u, type Bytes, ProtocolError, unb64u } from "../../src/crypto";

export type Vector = Record<string, unknown> & { name: string; error?: string };

/** One list of `tests/vectors/<file>.json`. An empty or missing list is a mistake, not a pass. */
export function vectors<T extends object = Record<string, string>>(file: string, list: string): (T & { name: string; error: string })[] {
  const all = read(file)[list] as (T & { name: string; error: string })[] | undefined;
  if (!all?.length) throw new Error(`no vectors ${file}.${list}`);
  return all;
}

export function read(file: string): Record<string, unknown> {
  const url = new URL(`../../../tests/vectors/${file}.json`, import.meta.url);
  return JSON.parse(readFileSync(url, "utf-8")) as Record<string, unknown>;
}

export const bin = (text: string | undefined): Bytes => unb64u(text ?? "");

/** The stable code with which `act` is refused. */
export async function refusal(act: () => unknown): Promise<string> {
  try {
    await act();
  } catch (error) {
    expect(error).toBeInstanceOf(ProtocolError);
    return (error as ProtocolError).code;
  }
  return "not refused";
}

/** Binary members as base64url, the way the vectors hold them. */
export function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return b64u(value);
  if (Array.isArray(value)) return value.map(plain);
  if (value !== null && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, plain(member)]));
  }
  return value;
}
