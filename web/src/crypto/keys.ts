/**
 * Keys of principals and devices, and the few primitives they stand on (docs/protocol.md sections 1 and 3).
 *
 * Invariant: every key is derived from a seed or made at random; private keys become non-extractable CryptoKeys at once.
 */
import { type Bytes, concat, equal, labelled, sha256, utf8 } from "./encoding";
import { ProtocolError } from "./errors";
import { type KemKey, kemKeyFromSeed } from "./hpke";

const EMPTY: Bytes = new Uint8Array();
// PKCS #8 of an Ed25519 private key is this and the 32-byte seed (RFC 8410).
const ED25519_PKCS8 = Uint8Array.of(0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20);

/** A key that signs, with the public half that checks it. */
export interface SigningKey {
  readonly privateKey: CryptoKey;
  readonly publicKey: Bytes;
}

/** What one generation of a principal can do. Roles seal and open only; users and archives sign too. */
export interface PrincipalKeys {
  readonly kem: KemKey;
  readonly sign: SigningKey;
}

export async function hkdf(ikm: Bytes, info: Bytes, length = 32): Promise<Bytes> {
  const key = await crypto.subtle.importKey("raw", ikm, "HKDF", false, ["deriveBits"]);
  const bits = await crypto.subtle.deriveBits({ name: "HKDF", hash: "SHA-256", salt: EMPTY, info }, key, length * 8);
  return new Uint8Array(bits);
}

export async function aesSeal(key: Bytes, nonce: Bytes, plaintext: Bytes, aad: Bytes = EMPTY): Promise<Bytes> {
  const secret = await crypto.subtle.importKey("raw", key, "AES-GCM", false, ["encrypt"]);
  return new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce, additionalData: aad }, secret, plaintext));
}

/** Throws `wrap.unreadable`. */
export async function aesOpen(key: Bytes, nonce: Bytes, ciphertext: Bytes, aad: Bytes = EMPTY): Promise<Bytes> {
  const secret = await crypto.subtle.importKey("raw", key, "AES-GCM", false, ["decrypt"]);
  try {
    return new Uint8Array(await crypto.subtle.decrypt({ name: "AES-GCM", iv: nonce, additionalData: aad }, secret, ciphertext));
  } catch {
    throw new ProtocolError("wrap.unreadable");
  }
}

/** AES-256-GCM under `HKDF(ikm, info, 44)` split into key and nonce: for keys used once. */
export async function sealOnce(ikm: Bytes, info: Bytes, plaintext: Bytes, aad: Bytes = EMPTY): Promise<Bytes> {
  const both = await hkdf(ikm, info, 44);
  return aesSeal(both.slice(0, 32), both.slice(32), plaintext, aad);
}

/** Throws `wrap.unreadable`. */
export async function openOnce(ikm: Bytes, info: Bytes, ciphertext: Bytes, aad: Bytes = EMPTY): Promise<Bytes> {
  const both = await hkdf(ikm, info, 44);
  return aesOpen(both.slice(0, 32), both.slice(32), ciphertext, aad);
}

/** `kid`: the first 16 bytes of SHA-256 of a public key. */
export async function keyId(publicKey: Bytes): Promise<Bytes> {
  return (await sha256(publicKey)).slice(0, 16);
}

/** Six groups of five digits over a person's X-Wing and Ed25519 keys, for two people to compare by voice. */
export async function fingerprint(kem: Bytes, sign: Bytes): Promise<string> {
  return fingerprintOf(await sha256(labelled("wardline/1 fingerprint", kem, sign)));
}

/** Six groups of five digits of a digest. */
export function fingerprintOf(digest: Bytes): string {
  const view = new DataView(digest.buffer);
  // Five bytes each, big-endian; 256^4 is 67,296 modulo 100,000, so nothing here grows past what a number holds exactly.
  const group = (i: number): number => (view.getUint8(5 * i) * 67_296 + view.getUint32(5 * i + 1)) % 100_000;
  return Array.from({ length: 6 }, (_, i) => String(group(i)).padStart(5, "0")).join(" ");
}

/** Ed25519 from its 32-byte seed. */
export async function signingKeyFromSeed(seed: Bytes): Promise<SigningKey> {
  const pkcs8 = concat(ED25519_PKCS8, seed);
  // The public half is only to be had through an export, so the key is extractable for the length of this function.
  const exportable = await crypto.subtle.importKey("pkcs8", pkcs8, "Ed25519", true, ["sign"]);
  const { x } = await crypto.subtle.exportKey("jwk", exportable);
  const privateKey = await crypto.subtle.importKey("pkcs8", pkcs8, "Ed25519", false, ["sign"]);
  const binary = atob((x ?? "").replaceAll("-", "+").replaceAll("_", "/"));
  return { privateKey, publicKey: Uint8Array.from(binary, (c) => c.charCodeAt(0)) };
}

/** A hospital's root key, from the 16 bytes of its printed code (section 3). */
export async function rootKey(code: Bytes): Promise<SigningKey> {
  return signingKeyFromSeed(await hkdf(code, utf8("wardline/1 root")));
}

/** A device's own key: made here, not extractable, and able to live in IndexedDB. */
export async function makeDeviceKey(): Promise<SigningKey> {
  const pair = (await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"])) as CryptoKeyPair;
  return { privateKey: pair.privateKey, publicKey: new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey)) };
}

export async function sign(key: SigningKey, label: string, ...parts: readonly Uint8Array[]): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.sign("Ed25519", key.privateKey, labelled(label, ...parts)));
}

/** Throws `signature.invalid`. */
export async function verify(publicKey: Bytes, signature: Bytes, label: string, ...parts: readonly Uint8Array[]): Promise<void> {
  await verifyBytes(publicKey, signature, labelled(label, ...parts));
}

/** Of a signed note (C2SP), whose own first line is its label. Throws `signature.invalid`. */
export async function verifyText(publicKey: Bytes, signature: Bytes, text: string): Promise<void> {
  await verifyBytes(publicKey, signature, utf8(text));
}

async function verifyBytes(publicKey: Bytes, signature: Bytes, signed: Bytes): Promise<void> {
  const isValid = await crypto.subtle
    .importKey("raw", publicKey, "Ed25519", false, ["verify"])
    .then((key) => crypto.subtle.verify("Ed25519", key, signature, signed))
    .catch(() => false);
  if (!isValid) throw new ProtocolError("signature.invalid");
}

/** The keys of one generation of a principal from its seed. */
export async function principalKeys(seed: Bytes): Promise<PrincipalKeys> {
  const [kemSeed, signSeed] = await Promise.all([hkdf(seed, utf8("wardline/1 kem")), hkdf(seed, utf8("wardline/1 sign"))]);
  return { kem: kemKeyFromSeed(kemSeed), sign: await signingKeyFromSeed(signSeed) };
}

function historyInfo(principal: string, generation: number): Bytes {
  return labelled("wardline/1 history", utf8(`${principal}:${generation}`));
}

/** `history[n]`: seed `n` for who holds seed `n + 1`. */
export async function sealHistory(next: Bytes, principal: string, generation: number, seed: Bytes): Promise<Bytes> {
  return sealOnce(next, historyInfo(principal, generation), seed);
}

/** Throws `wrap.unreadable`. */
export async function openHistory(next: Bytes, principal: string, generation: number, sealed: Bytes): Promise<Bytes> {
  return openOnce(next, historyInfo(principal, generation), sealed);
}

/** Whether a seed is the one a statement's public key belongs to. */
export function isKeyOf(keys: PrincipalKeys, kem: Bytes): boolean {
  return equal(keys.kem.publicKey, kem);
}
