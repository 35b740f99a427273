/**
 * Headers: JSON read strictly, and kept as the bytes that were signed (docs/protocol.md section 2).
 *
 * Invariant: two parsers that both accept a header read the same thing from it. So everything on which JSON parsers differ (duplicate
 * keys, fractions, unknown members) is refused, and a header is never written again from what was read.
 */
import { type Bytes, fromUtf8, unb64u, utf8 } from "./encoding";
import { ProtocolError } from "./errors";

export const MAX_HEADER_BYTES = 65_536;
const MAX_DEPTH = 16;

export type Json = null | boolean | number | string | Json[] | { [member: string]: Json };
export type JsonObject = { [member: string]: Json };
/** Checks one member's value and gives it its type; throws `ProtocolError`. */
export type Check<T> = (value: Json) => T;
export type Shape<T> = { [K in keyof T]: Check<T[K]> };

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/gs;

/** Reads JSON strictly. Throws `header.malformed` or `header.duplicate_key`. */
export function parseJson(bytes: Uint8Array): Json {
  const text = fromUtf8(bytes);
  let value: Json;
  try {
    // A byte-order mark is no JSON white space, so JSON.parse refuses it.
    value = JSON.parse(text) as Json;
  } catch {
    throw new ProtocolError("header.malformed", "not JSON");
  }
  refuseWhatParseHides(text);
  return value;
}

/** `JSON.parse` keeps the last of two equal keys and reads `1.0` as `1`; the text itself has to be looked at. */
function refuseWhatParseHides(text: string): void {
  const keys: Set<string>[] = [];
  const tokens = text.match(TOKEN) ?? [];
  for (const [i, token] of tokens.entries()) {
    if (token === "{" || token === "[") keys.push(new Set());
    else if (token === "}" || token === "]") keys.pop();
    else if (token.startsWith('"')) checkString(JSON.parse(token) as string, tokens[i + 1] === ":" ? keys.at(-1) : undefined);
    else if (/^[-0-9]/.test(token)) checkNumber(token);
    if (keys.length > MAX_DEPTH) throw new ProtocolError("header.malformed", "too deep");
  }
}

function checkString(read: string, seen: Set<string> | undefined): void {
  // A lone surrogate has no UTF-8, so it could not be written back.
  if (!read.isWellFormed()) throw new ProtocolError("header.malformed", "lone surrogate");
  if (seen?.has(read)) throw new ProtocolError("header.duplicate_key", read);
  seen?.add(read);
}

function checkNumber(token: string): void {
  const isOneInteger = /^-?[0-9]+$/.test(token) && token !== "-0" && Number.isSafeInteger(Number(token));
  if (!isOneInteger) throw new ProtocolError("header.malformed", "not an integer");
}

/** Reads an object with exactly the members of `shape`. */
export function parseObject<T>(bytes: Uint8Array, shape: Shape<T>): T {
  if (bytes.length > MAX_HEADER_BYTES) throw new ProtocolError("header.malformed", "too long");
  return object(shape)(parseJson(bytes));
}

/** Reads a header: like `parseObject`, with `v` 1 and `t` as given. */
export function parseHeader<T>(bytes: Uint8Array, t: string, shape: Shape<T>): T {
  if (bytes.length > MAX_HEADER_BYTES) throw new ProtocolError("header.malformed", "too long");
  const read = asObject(parseJson(bytes));
  // The version first: what else a later version may have is not known here.
  if (typeof read["v"] !== "number") throw new ProtocolError("header.malformed", "v");
  if (read["v"] !== 1) throw new ProtocolError("header.unknown_version");
  return object({ v: oneOf(1 as const), t: oneOf(t), ...shape } as Shape<T>)(read);
}

/** The bytes of a header that is being made; they are signed and sent as they are. */
export function headerBytes(header: object): Bytes {
  return utf8(JSON.stringify(header));
}

function asObject(value: Json): JsonObject {
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw new ProtocolError("header.malformed", "not an object");
  return value;
}

/** The checks below throw `header.malformed` unless they say otherwise. */
export function object<T>(shape: Shape<T>): Check<T> {
  return (value) => {
    const read = asObject(value);
    for (const member of Object.keys(read)) {
      if (!Object.hasOwn(shape, member)) throw new ProtocolError("header.unknown_member", member);
    }
    const members = Object.keys(shape) as (keyof T & string)[];
    return Object.fromEntries(
      members.map((member) => {
        const present = Object.hasOwn(read, member) ? read[member] : undefined;
        if (present === undefined) throw new ProtocolError("header.malformed", `${member} is missing`);
        return [member, shape[member](present)];
      }),
    ) as T;
  };
}

function matching(pattern: RegExp): Check<string> {
  return (value) => {
    if (typeof value !== "string" || !pattern.test(value)) throw new ProtocolError("header.malformed", String(pattern));
    return value;
  };
}

export const text: Check<string> = (value) => {
  if (typeof value !== "string") throw new ProtocolError("header.malformed", "not a text");
  return value;
};

export const uuid = matching(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
export const retentionClass = matching(/^[a-z0-9-]{1,32}$/);
export const day = matching(/^[0-9]{4}-[0-9]{2}-[0-9]{2}$/);

export const time: Check<string> = (value) => {
  const read = matching(/^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$/)(value);
  // The round trip refuses the 30th of February, which a Date would move to March.
  if (Number.isNaN(Date.parse(read)) || new Date(read).toISOString() !== read) throw new ProtocolError("header.malformed", "time");
  return read;
};

export function integer(from: number, to: number = Number.MAX_SAFE_INTEGER): Check<number> {
  return (value) => {
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < from || value > to) throw new ProtocolError("header.malformed", "number");
    return value;
  };
}

/** base64url of exactly `length` bytes. Throws `encoding.not_canonical` too. */
export function bytes(length: number): Check<Bytes> {
  return (value) => unb64u(text(value), length);
}

export function oneOf<T extends string | number>(...values: readonly T[]): Check<T> {
  return (value) => {
    if (!values.includes(value as T)) throw new ProtocolError("header.malformed", "not one of the known values");
    return value as T;
  };
}

export function nullable<T>(check: Check<T>): Check<T | null> {
  return (value) => (value === null ? null : check(value));
}

export function list<T>(check: Check<T>, from = 0, to = Number.MAX_SAFE_INTEGER): Check<T[]> {
  return (value) => {
    if (!Array.isArray(value) || value.length < from || value.length > to) throw new ProtocolError("header.malformed", "list");
    return value.map(check);
  };
}

export function tuple<T extends unknown[]>(...checks: { [K in keyof T]: Check<T[K]> }): Check<T> {
  return (value) => {
    if (!Array.isArray(value) || value.length !== checks.length) throw new ProtocolError("header.malformed", "tuple");
    return checks.map((check, i) => check(value[i] as Json)) as T;
  };
}

export const anyObject: Check<JsonObject> = asObject;
