/**
 * Conversation epochs: one key for everybody listed, and proof that everybody got the same one (docs/protocol.md section 5).
 *
 * Invariant: `K` is used only after its commitment matched; a wrap is made only for a key the directory proved.
 */
import { b64u, type Bytes, concat, equal, labelled, random, sha256, utf8 } from "./encoding";
import { ProtocolError } from "./errors";
import { bytes, headerBytes, integer, list, nullable, parseHeader, retentionClass, time, tuple, uuid } from "./headers";
import { ENC_BYTES, hpkeOpen, hpkeSeal, type KemKey } from "./hpke";
import { hkdf, keyId, sign, type SigningKey, verify } from "./keys";
import type { SignedHead } from "./notes";

const LABEL = "wardline/1 sig-epoch";
const WRAP_BYTES = ENC_BYTES + 48;

export interface EpochHeader {
  conversation: string;
  epoch: number;
  prev: Bytes | null;
  by: string;
  role: string | null;
  device: string;
  at: string;
  to: [principal: string, kid: Bytes][];
  /** The heads of the members' hospitals' logs that its maker had verified (section 4.1). */
  heads: [hospital: string, size: number, root: Bytes, signature: Bytes][];
  retention: string;
  kc: Bytes;
}

export interface SignedEpoch { h: Bytes; w: Bytes[]; s: Bytes }

/** A principal and its X-Wing public key, as proved by the directory. */
export interface Recipient { principal: string; kem: Bytes }

export type EpochDraft = Omit<EpochHeader, "to" | "heads" | "kc"> & { recipients: readonly Recipient[]; heads?: readonly SignedHead[] };

/** Throws a `header` or `encoding` code. */
export function parseEpochHeader(h: Bytes): EpochHeader {
  const read = parseHeader<EpochHeader>(h, "epoch", {
    conversation: uuid,
    epoch: integer(1),
    prev: nullable(bytes(32)),
    by: uuid,
    role: nullable(uuid),
    device: uuid,
    at: time,
    to: list(tuple<[string, Bytes]>(uuid, bytes(16)), 1, 512),
    heads: list(tuple<[string, number, Bytes, Bytes]>(uuid, integer(1), bytes(32), bytes(64)), 0, 64),
    retention: retentionClass,
    kc: bytes(32),
  });
  if ((read.epoch === 1) !== (read.prev === null)) throw new ProtocolError("header.malformed", "prev");
  checkAscending("to", read.to);
  checkAscending("heads", read.heads);
  return read;
}

function checkAscending(name: string, entries: readonly [id: string, ...unknown[]][]): void {
  const isAscending = entries.every(([id], i) => i === 0 || (entries[i - 1]?.[0] ?? "") < id);
  if (!isAscending) throw new ProtocolError("header.malformed", `${name} is not in ascending order`);
}

/** What its maker had verified, to be held against what is known here. */
export function headsIn({ heads }: EpochHeader): SignedHead[] {
  return heads.map(([hospital, size, root, signature]) => ({ hospital, size, root, signature }));
}

/** `SHA-256(w[0] || w[1] || ...)`, which the signature covers; the server gives it to who sees only their own wraps. */
export async function wrapsDigest(w: readonly Bytes[]): Promise<Bytes> {
  return sha256(concat(...w));
}

/** Throws `signature.invalid`. */
export async function verifyEpoch(h: Bytes, digest: Bytes, s: Bytes, device: Bytes): Promise<void> {
  await verify(device, s, LABEL, await sha256(h), digest);
}

/** Throws `wrap.unreadable` unless there is one wrap of the right length for each recipient. */
export function checkWraps(header: EpochHeader, w: readonly Bytes[]): void {
  if (w.length !== header.to.length || w.some((wrap) => wrap.length !== WRAP_BYTES)) throw new ProtocolError("wrap.unreadable", "count or length");
}

export async function commitment(key: Bytes): Promise<Bytes> {
  return hkdf(key, utf8("wardline/1 commit"));
}

/** Makes an epoch and the key it carries. */
export async function sealEpoch(draft: EpochDraft, signer: SigningKey, key: Bytes = random(32)): Promise<SignedEpoch & { key: Bytes }> {
  const { recipients, prev, heads = [], ...rest } = draft;
  const ordered = [...recipients].sort((a, b) => (a.principal < b.principal ? -1 : 1));
  const to = await Promise.all(ordered.map(async ({ principal, kem }) => [principal, b64u(await keyId(kem))]));
  const h = headerBytes({ v: 1, t: "epoch", ...rest, prev: prev && b64u(prev), to, heads: heads.map(headMembers), kc: b64u(await commitment(key)) });
  parseEpochHeader(h);
  const info = labelled("wardline/1 epoch", await sha256(h));
  const w = await Promise.all(ordered.map(({ kem }) => hpkeSeal(kem, key, info)));
  const s = await sign(signer, LABEL, await sha256(h), await wrapsDigest(w));
  return { h, w, s, key };
}

function headMembers({ hospital, size, root, signature }: SignedHead): [string, number, string, string] {
  return [hospital, size, b64u(root), b64u(signature)];
}

/** `K` from the recipient's own wrap. Throws `wrap.unreadable`, `epoch.commitment`, or a `header` or `encoding` code. */
export async function openEpoch(h: Bytes, wrap: Bytes, principal: string, kem: KemKey): Promise<Bytes> {
  const header = parseEpochHeader(h);
  const kid = await keyId(kem.publicKey);
  if (!header.to.some(([to, key]) => to === principal && equal(key, kid))) throw new ProtocolError("wrap.unreadable", "not a recipient");
  const key = await hpkeOpen(kem, wrap, labelled("wardline/1 epoch", await sha256(h)));
  if (key.length !== 32) throw new ProtocolError("wrap.unreadable", "length of the key");
  if (!equal(await commitment(key), header.kc)) throw new ProtocolError("epoch.commitment");
  return key;
}
