/**
 * HPKE in base mode: X-Wing, HKDF-SHA256, AES-256-GCM (RFC 9180; docs/protocol.md section 1).
 *
 * Invariant: the X-Wing private key is the 32-byte seed itself. It never becomes a stored CryptoKey: browsers give such a key back from
 * IndexedDB as null.
 */
import { KEM_MLKEM768_X25519 } from "@panva/hpke-noble";
import { MLKEM768X25519 } from "@noble/post-quantum/hybrid.js";
import { AEAD_AES_256_GCM, CipherSuite, KDF_HKDF_SHA256 } from "hpke";
import { type Bytes, concat } from "./encoding";
import { ProtocolError } from "./errors";

export const ENC_BYTES = 1120;
export const KEM_PUBLIC_BYTES = 1216;

/** An X-Wing key pair. */
export interface KemKey {
  readonly seed: Bytes;
  readonly publicKey: Bytes;
}

const suite = new CipherSuite(KEM_MLKEM768_X25519, KDF_HKDF_SHA256, AEAD_AES_256_GCM);

export function kemKeyFromSeed(seed: Bytes): KemKey {
  return { seed, publicKey: MLKEM768X25519.keygen(seed).publicKey.slice() };
}

/** `enc || ciphertext`; `info` is where all context goes, there is no aad. */
export async function hpkeSeal(publicKey: Bytes, plaintext: Bytes, info: Bytes): Promise<Bytes> {
  const key = await suite.DeserializePublicKey(publicKey);
  const { encapsulatedSecret, ciphertext } = await suite.Seal(key, plaintext, { info });
  return concat(encapsulatedSecret, ciphertext);
}

/** Throws `wrap.unreadable`. */
export async function hpkeOpen(key: KemKey, sealed: Bytes, info: Bytes): Promise<Bytes> {
  try {
    const privateKey = await suite.DeserializePrivateKey(key.seed, false);
    return concat(await suite.Open(privateKey, sealed.slice(0, ENC_BYTES), sealed.slice(ENC_BYTES), { info }));
  } catch {
    throw new ProtocolError("wrap.unreadable");
  }
}
