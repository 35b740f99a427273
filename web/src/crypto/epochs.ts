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
  retention: string;
  kc: Bytes;
}

export interface SignedEpoch { h: Bytes; w: Bytes[]; s: Bytes }

/** A principal and its X-Wing public key, as proved by the directory. */
export interface Recipient { principal: string; kem: Bytes }

export type EpochDraft = Omit<EpochHeader, "to" | "kc"> & { recipients: readonly Recipient[] };

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
    retention: retentionClass,
    kc: bytes(32),
  });
  if ((read.epoch === 1) !== (read.prev === null)) throw new ProtocolError("header.malformed", "prev");
  const isAscending = read.to.every(([principal], i) => i === 0 || (read.to[i - 1]?.[0] ?? "") < principal);
  if (!isAscending) throw new ProtocolError("header.malformed", "to is not in ascending order");
  return read;
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
  const { recipients, prev, ...rest } = draft;
  const ordered = [...recipients].sort((a, b) => (a.principal < b.principal ? -1 : 1));
  const to = await Promise.all(ordered.map(async ({ principal, kem }) => [principal, b64u(await keyId(kem))]));
  const h = headerBytes({ v: 1, t: "epoch", ...rest, prev: prev && b64u(prev), to, kc: b64u(await commitment(key)) });
  parseEpochHeader(h);
  const info = labelled("wardline/1 epoch", await sha256(h));
  const w = await Promise.all(ordered.map(({ kem }) => hpkeSeal(kem, key, info)));
  const s = await sign(signer, LABEL, await sha256(h), await wrapsDigest(w));
  return { h, w, s, key };
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
