/**
 * A seed that two of three officers of the hospital can give back, and neither alone (docs/protocol.md section 3.6).
 *
 * Invariant: the seed is encrypted once for each pair of officers, one of whom has the key and the other the ciphertext; what an officer has
 * leaves her device only sealed to the keys of the one new device whose fingerprint was compared.
 */
import { b64u, type Bytes, concat, equal, labelled, random, sha256 } from "./encoding";
import { ProtocolError } from "./errors";
import { bytes, headerBytes, integer, parseHeader, time, uuid } from "./headers";
import { hpkeOpen, hpkeSeal, KEM_PUBLIC_BYTES, type KemKey } from "./hpke";
import { fingerprintOf, keyId, openOnce, principalKeys, sealOnce, sign, type SigningKey, verify } from "./keys";

const PAIRS = [[0, 1], [0, 2], [1, 2]] as const;
const KEY_BYTES = 32;
const CIPHERTEXT_BYTES = 48;
/** Officer 0 has two keys, officer 2 two ciphertexts, officer 1 one of each. */
const SHARE_BYTES = [2 * KEY_BYTES, CIPHERTEXT_BYTES + KEY_BYTES, 2 * CIPHERTEXT_BYTES];
const APPROVAL = "wardline/1 sig-restoration";

/** `kid` is of the person's X-Wing key, `named` the digest of the statement that names the officers. */
export interface Deposit { h: Bytes; digest: Bytes; hospital: string; person: string; generation: number; kid: Bytes; named: Bytes; at: string }

/** A new device that asks for a person's seed: its own key, and one made for receiving it. */
export interface Ask { h: Bytes; digest: Bytes; id: string; hospital: string; person: string; device: string; sign: Bytes; kem: Bytes; at: string }

type AskDraft = Omit<Ask, "h" | "digest">;

/** Throws a `header` or `encoding` code. */
export async function parseDeposit(h: Bytes): Promise<Deposit> {
  const read = parseHeader<Omit<Deposit, "h" | "digest">>(h, "deposit", {
    hospital: uuid, person: uuid, generation: integer(1), kid: bytes(16), named: bytes(32), at: time,
  });
  return { ...read, h, digest: await sha256(h) };
}

/** Throws a `header` or `encoding` code. */
export async function parseAsk(h: Bytes): Promise<Ask> {
  const read = parseHeader<AskDraft>(h, "restoration", {
    id: uuid, hospital: uuid, person: uuid, device: uuid, sign: bytes(32), kem: bytes(KEM_PUBLIC_BYTES), at: time,
  });
  return { ...read, h, digest: await sha256(h) };
}

export async function makeAsk({ id, hospital, person, device, sign, kem, at }: AskDraft): Promise<Ask> {
  return parseAsk(headerBytes({ v: 1, t: "restoration", id, hospital, person, device, sign: b64u(sign), kem: b64u(kem), at }));
}

/** What the person reads out to each officer: six groups of five digits over all of it. */
export async function askFingerprint({ h }: Ask): Promise<string> {
  return fingerprintOf(await sha256(labelled("wardline/1 restoration-fingerprint", h)));
}

/** The header, and what is sealed to each officer. `kems` are the officers' proved X-Wing keys, in the statement's order. */
export async function makeDeposit(
  seed: Bytes, about: Omit<Deposit, "h" | "digest" | "kid">, kems: readonly Bytes[],
): Promise<{ deposit: Deposit; sealed: Bytes[] }> {
  const { hospital, person, generation, named, at } = about;
  const kid = await keyId((await principalKeys(seed)).kem.publicKey);
  const deposit = await parseDeposit(headerBytes({ v: 1, t: "deposit", hospital, person, generation, kid: b64u(kid), named: b64u(named), at }));
  const shares: Bytes[][] = [[], [], []];
  for (const [number, [first, second]] of PAIRS.entries()) {
    const key = random(KEY_BYTES);
    shares[first]?.push(key);
    shares[second]?.push(await sealOnce(key, pieceInfo(deposit, number), seed));
  }
  return { deposit, sealed: await Promise.all(kems.map(async (kem, place) => hpkeSeal(kem, concat(...(shares[place] ?? [])), depositInfo(deposit, place)))) };
}

/** On the device of the officer at `place`: her share, for the new device alone. Throws `wrap.unreadable`. */
export async function handOn(ask: Ask, deposit: Deposit, place: number, kem: KemKey, sealed: Bytes): Promise<Bytes> {
  const share = checked(await hpkeOpen(kem, sealed, depositInfo(deposit, place)), place);
  return hpkeSeal(ask.kem, share, restorationInfo(ask, deposit, place));
}

/** The officer's device says that it handed on exactly this, for this attempt and device. */
export async function signApproval(ask: Ask, deposit: Deposit, handed: Bytes, device: SigningKey): Promise<Bytes> {
  return sign(device, APPROVAL, ask.digest, deposit.digest, await sha256(handed));
}

/** Throws `signature.invalid`. */
export async function verifyApproval(ask: Ask, deposit: Deposit, handed: Bytes, device: Bytes, signature: Bytes): Promise<void> {
  await verify(device, signature, APPROVAL, ask.digest, deposit.digest, await sha256(handed));
}

/** On the new device: the seed, from what two officers handed on, by their place. Throws `wrap.unreadable`. */
export async function restoreSeed(ask: Ask, deposit: Deposit, kem: KemKey, handed: ReadonlyMap<number, Bytes>): Promise<Bytes> {
  const opened = new Map<number, Bytes>();
  for (const [place, sealed] of handed) opened.set(place, checked(await hpkeOpen(kem, sealed, restorationInfo(ask, deposit, place)), place));
  let found: Bytes | null = null;
  for (const [number, [first, second]] of PAIRS.entries()) {
    const [keys, ciphertexts] = [opened.get(first), opened.get(second)];
    if (!keys || !ciphertexts) continue;
    const seed = await openOnce(piece(keys, first, number), pieceInfo(deposit, number), piece(ciphertexts, second, number));
    if (found && !equal(found, seed)) throw new ProtocolError("wrap.unreadable", "not the shares of one seed");
    found = seed;
  }
  if (!found) throw new ProtocolError("wrap.unreadable", "not two shares");
  // Whoever seals to a public key can make shares up: only the seed behind the key that the deposit names counts.
  if (!equal(await keyId((await principalKeys(found)).kem.publicKey), deposit.kid)) throw new ProtocolError("wrap.unreadable", "not the seed of the deposit");
  return found;
}

/** A share holds a piece for each of the two pairs its officer is in, in their order. */
function piece(share: Bytes, place: number, number: number): Bytes {
  const own = PAIRS.findIndex((pair) => pair.some((each) => each === place));
  const length = PAIRS[number]?.[0] === place ? KEY_BYTES : CIPHERTEXT_BYTES;
  return own === number ? share.slice(0, length) : share.slice(-length);
}

function checked(share: Bytes, place: number): Bytes {
  if (share.length !== SHARE_BYTES[place]) throw new ProtocolError("wrap.unreadable", "length of a share");
  return share;
}

function pieceInfo(deposit: Deposit, number: number): Bytes {
  return labelled("wardline/1 deposit-piece", deposit.digest, Uint8Array.of(number));
}

function depositInfo(deposit: Deposit, place: number): Bytes {
  return labelled("wardline/1 deposit", deposit.digest, Uint8Array.of(place));
}

function restorationInfo(ask: Ask, deposit: Deposit, place: number): Bytes {
  return labelled("wardline/1 restoration", ask.digest, deposit.digest, Uint8Array.of(place));
}
