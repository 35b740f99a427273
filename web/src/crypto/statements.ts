/**
 * Statements: what a hospital, a registrar or a person signed about a key (docs/protocol.md section 4).
 *
 * Invariant: a `Statement` is well formed, and not yet believed. Whether its signer may say so is for the directory.
 */
import { b64u, type Bytes, sha256 } from "./encoding";
import { ProtocolError } from "./errors";
import {
  anyObject, bytes, type Check, headerBytes, integer, type Json, type JsonObject, list, nullable, object, oneOf, parseHeader, time, tuple, uuid,
} from "./headers";
import { KEM_PUBLIC_BYTES } from "./hpke";
import { keyId, sign, type SigningKey, verify } from "./keys";

const LABEL = "wardline/1 sig-statement";
const MAX_ELIGIBLE = 512;
/** Two of them give a seed back (section 3.6). */
export const OFFICERS = 3;
export const REVOCATION_REASONS = ["lost", "stolen", "replaced", "left", "other"] as const;
export type RevocationReason = (typeof REVOCATION_REASONS)[number];

export interface KeysBody { generation: number; kem: Bytes; sign: Bytes; profile: Bytes }
export interface RoleBody { generation: number; kem: Bytes; profile: Bytes; eligible: string[] }

/** The members of `body`, kind by kind. */
export interface Bodies {
  root: { sign: Bytes };
  /** Null: the office has ended. */
  registrar: { sign: Bytes | null };
  member: KeysBody;
  archive: KeysBody;
  role: RoleBody;
  device: { principal: string; sign: Bytes };
  "device-revoked": { principal: string; reason: RevocationReason };
  /** Null: the partnership has ended. */
  partner: { root: Bytes | null };
  /** Three people with the kid of each one's X-Wing key; nobody: the hospital's recovery has ended. */
  recovery: { officers: [string, Bytes][] };
}
export type StatementKind = keyof Bodies;

export interface SignedStatement { h: Bytes; s: Bytes }

interface Common extends SignedStatement {
  hospital: string;
  subject: string;
  prev: string | null;
  at: string;
  /** The signer, and the kid of the key it signed with. */
  by: string;
  kid: string;
  digest: string;
}
export type StatementOf<K extends StatementKind> = Common & { kind: K; body: Bodies[K] };
export type Statement = { [K in StatementKind]: StatementOf<K> }[StatementKind];

const eligible: Check<string[]> = (value) => {
  const people = list(uuid, 0, MAX_ELIGIBLE)(value);
  if (new Set(people).size !== people.length) throw new ProtocolError("header.malformed", "a person twice");
  return people;
};
const officers: Check<[string, Bytes][]> = (value) => {
  const named = list(tuple<[string, Bytes]>(uuid, bytes(16)), 0, OFFICERS)(value);
  const isOrdered = named.every(([person], place) => place === 0 || (named[place - 1]?.[0] ?? "") < person);
  if ((named.length !== 0 && named.length !== OFFICERS) || !isOrdered) throw new ProtocolError("header.malformed", "officers");
  return named;
};
const keys = object<KeysBody>({ generation: integer(1), kem: bytes(KEM_PUBLIC_BYTES), sign: bytes(32), profile: bytes(32) });
const signOnly = object<{ sign: Bytes }>({ sign: bytes(32) });

const BODIES: { [K in StatementKind]: Check<Bodies[K]> } = {
  root: signOnly,
  registrar: object<Bodies["registrar"]>({ sign: nullable(bytes(32)) }),
  member: keys,
  archive: keys,
  role: object<RoleBody>({ generation: integer(1), kem: bytes(KEM_PUBLIC_BYTES), profile: bytes(32), eligible }),
  device: object<Bodies["device"]>({ principal: uuid, sign: bytes(32) }),
  "device-revoked": object<Bodies["device-revoked"]>({ principal: uuid, reason: oneOf(...REVOCATION_REASONS) }),
  partner: object<Bodies["partner"]>({ root: nullable(bytes(32)) }),
  recovery: object<Bodies["recovery"]>({ officers }),
};

interface Header {
  kind: StatementKind;
  hospital: string;
  subject: string;
  prev: Bytes | null;
  at: string;
  by: [string, Bytes];
  body: Json;
}

/** Reads a statement strictly; the signature is not looked at. Throws a `header` or `encoding` code. */
export async function parseStatement({ h, s }: SignedStatement): Promise<Statement> {
  const read = parseHeader<Header>(h, "statement", {
    kind: oneOf(...(Object.keys(BODIES) as StatementKind[])),
    hospital: uuid,
    subject: uuid,
    prev: nullable(bytes(32)),
    at: time,
    by: tuple<[string, Bytes]>(uuid, bytes(16)),
    body: anyObject,
  });
  const { kind, hospital, subject, at } = read;
  const [by, kid] = read.by;
  const prev = read.prev && b64u(read.prev);
  const body = BODIES[kind](read.body);
  return { h, s, kind, hospital, subject, prev, at, by, kid: b64u(kid), body, digest: b64u(await sha256(h)) } as Statement;
}

/** Throws `signature.invalid`. */
export async function verifyStatement(statement: SignedStatement, signer: Bytes): Promise<void> {
  await verify(signer, statement.s, LABEL, await sha256(statement.h));
}

/** Bytes as text, however deep. */
function plain(value: unknown): Json {
  if (value instanceof Uint8Array) return b64u(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value as Json;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]));
}

export interface StatementDraft<K extends StatementKind> {
  kind: K;
  hospital: string;
  subject: string;
  body: Bodies[K];
  by: string;
  at: string;
  /** The digest of the latest statement of the same kind and subject. */
  prev?: string | null;
}

export async function makeStatement<K extends StatementKind>(draft: StatementDraft<K>, key: SigningKey): Promise<StatementOf<K>> {
  const { kind, hospital, subject, at, by, prev = null } = draft;
  const body = plain(draft.body) as JsonObject;
  const signer = [by, b64u(await keyId(key.publicKey))];
  const h = headerBytes({ v: 1, t: "statement", kind, hospital, subject, prev, at, by: signer, body });
  const s = await sign(key, LABEL, await sha256(h));
  return (await parseStatement({ h, s })) as StatementOf<K>;
}
