/**
 * The receipt of a promise: both signed headers, what was asked for, and the chains of both devices (docs/protocol.md section 12.3).
 *
 * Invariant: what `verifyReceipt` returns was signed by a device of a person of each hospital, both proved from the pinned root by the
 * statements in the receipt alone, and nothing stands in it that this proof does not need. The file has one spelling.
 */
import { b64u, type Bytes, fromUtf8, labelled, sha256, unb64u } from "./encoding";
import { Directory } from "./directory";
import { ProtocolError } from "./errors";
import { anyObject, bytes, type Check, type Json, type JsonObject, list, object, parseJson, text } from "./headers";
import { fingerprintOf } from "./keys";
import { type Acceptance, checkPair, type Need, needDigest, type Offer, type Signed, verifyAcceptance, verifyOffer } from "./promises";
import { parseStatement, type Statement } from "./statements";

export const RECEIPT_FORMAT = "wardline-receipt/1";
const MAX_RECEIPT_BYTES = 8 * 1024 * 1024;
const MAX_STATEMENTS = 4_096;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Parsed, not yet believed. `roots`: a hospital to the fingerprint the receipt claims for its root. */
export interface Receipt {
  offer: Signed;
  acceptance: Signed;
  need: Need;
  roots: Record<string, string>;
  statements: Statement[];
}

/** What both hospitals hold. */
export interface Proved { offer: Offer; acceptance: Acceptance; need: Need; roots: Record<string, string> }

const signed: Check<Signed> = object<Signed>({ h: (value) => unb64u(text(value)), s: bytes(64) });
const capabilities: Check<string[]> = (value) => {
  const read = list(text, 0, 64)(value);
  if (JSON.stringify([...new Set(read)].sort()) !== JSON.stringify(read)) throw new ProtocolError("header.malformed", "capabilities");
  return read;
};
const need = object<Need>({ age_band: text, capabilities, category: text, sex: text, transport_mode: text, urgency: text });
const roots: Check<Record<string, string>> = (value) => {
  const read = anyObject(value);
  if (!Object.keys(read).every((hospital) => UUID.test(hospital))) throw new ProtocolError("header.malformed", "roots");
  return Object.fromEntries(Object.entries(read).map(([hospital, claimed]) => [hospital, text(claimed)]));
};

/** Reads a receipt strictly; no signature is looked at. Throws a `header` or `encoding` code. */
export async function parseReceipt(data: Bytes): Promise<Receipt> {
  if (data.length > MAX_RECEIPT_BYTES) throw new ProtocolError("header.malformed", "too long");
  const value = parseJson(data);
  const { format, ...rest } = anyObject(value);
  if (typeof format !== "string") throw new ProtocolError("header.malformed", "format");
  if (format !== RECEIPT_FORMAT) throw new ProtocolError("header.unknown_version", "format");
  const shape = { acceptance: signed, need, offer: signed, roots, statements: list(signed, 0, MAX_STATEMENTS) };
  const read = object<Omit<Receipt, "statements"> & { statements: Signed[] }>(shape)(rest);
  const statements = await Promise.all(read.statements.map(parseStatement));
  if (canonical(value) !== fromUtf8(data)) throw new ProtocolError("encoding.not_canonical", "receipt");
  return { ...read, statements };
}

/**
 * Judges a receipt by the pinned roots; a hospital without a pin counts through a partner statement of the other. Throws `promise.mismatch`
 * (also for a statement that is not needed), `promise.out_of_time`, `signature.invalid`, a `statement` code (`statement.no_chain` for any
 * statement that cannot be proved), a `header` or `encoding` code.
 */
export async function verifyReceipt(receipt: Receipt, pins: ReadonlyMap<string, Bytes>): Promise<Proved> {
  const { offer, acceptance } = await checkPair(receipt.offer, receipt.acceptance);
  if (b64u(await needDigest(receipt.need)) !== b64u(offer.need)) throw new ProtocolError("promise.mismatch", "need");
  const ends = [offer.origin, offer.destination];
  if (Object.keys(receipt.roots).sort().join() !== [...ends].sort().join()) throw new ProtocolError("promise.mismatch", "roots");
  const directory = new Directory(new Map([...pins].filter(([hospital]) => ends.includes(hospital))));
  const unproved = await directory.extend(receipt.statements);
  for (const hospital of ends) await checkRoot(directory, hospital, receipt.roots[hospital]);
  await verifyOffer(receipt.offer, await proveSigner(directory, offer, offer.destination));
  await verifyAcceptance(receipt.acceptance, await proveSigner(directory, acceptance, acceptance.origin));
  if (unproved.length > 0) throw new ProtocolError("statement.no_chain", "a statement that cannot be proved");
  checkNothingElse(receipt.statements, offer, acceptance);
  return { offer, acceptance, need: receipt.need, roots: receipt.roots };
}

/** The public key of the device that signs for `hospital`: its owner belongs there and is eligible for the role acted in. Throws a `statement` code. */
export async function proveSigner(directory: Directory, header: Offer | Acceptance, hospital: string): Promise<Bytes> {
  const device = await directory.device(header.device);
  const person = directory.principal(header.by);
  if (device.principal !== header.by || person.kind !== "member" || person.hospital !== hospital) throw new ProtocolError("statement.no_chain", "device of another");
  if (header.role !== null) {
    const role = directory.principal(header.role);
    if (role.hospital !== hospital || !role.eligible.includes(header.by)) throw new ProtocolError("statement.no_chain", "role of others");
  }
  return device.sign;
}

/** What people compare of a hospital's root public key. */
export async function rootFingerprint(root: Bytes): Promise<string> {
  return fingerprintOf(await sha256(labelled("wardline/1 root-fingerprint", root)));
}

/** A byte that nobody has signed or that proves nothing here would make two receipts of one promise. */
function checkNothingElse(statements: readonly Statement[], offer: Offer, acceptance: Acceptance): void {
  const needed = new Set([offer.origin, offer.destination].flatMap((hospital) => [`root ${hospital}`, `partner ${hospital}`]));
  for (const { by, device, role } of [offer, acceptance]) {
    for (const line of [`member ${by}`, `device ${device}`, ...(role === null ? [] : [`role ${role}`])]) needed.add(line);
  }
  const lineOf = ({ kind, subject }: Statement): string => `${kind} ${subject}`;
  for (const { by } of statements.filter((said) => needed.has(lineOf(said)))) needed.add(`registrar ${by}`);
  const isNeeded = statements.every((said) => needed.has(lineOf(said)));
  if (!isNeeded || new Set(statements.map(({ digest }) => digest)).size < statements.length) {
    throw new ProtocolError("promise.mismatch", "a statement that is not needed");
  }
}

async function checkRoot(directory: Directory, hospital: string, claimed: string | undefined): Promise<void> {
  const statement = directory.latest("root", hospital);
  if (!statement) throw new ProtocolError("statement.no_chain", `root of ${hospital}`);
  if ((await rootFingerprint(statement.body.sign)) !== claimed) throw new ProtocolError("promise.mismatch", "roots");
}

function canonical(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const members = Object.keys(value as JsonObject).sort();
  return `{${members.map((member) => `${JSON.stringify(member)}:${canonical((value as JsonObject)[member] as Json)}`).join(",")}}`;
}
