/**
 * Wrapped copies of seeds (docs/protocol.md sections 3.1 and 9).
 *
 * Invariant: opening a copy of a user's seed takes a secret the server never had and a share it gives only to an unrevoked device.
 */
import { type Bytes, concat, labelled, random, sha256, utf8 } from "./encoding";
import { ProtocolError } from "./errors";
import { hpkeOpen, hpkeSeal, type KemKey } from "./hpke";
import { aesOpen, aesSeal, hkdf } from "./keys";

export type WrapKind = "passkey" | "recovery" | "device";

/** The input of the WebAuthn `prf` extension. */
export const PRF_EVAL = utf8("wardline/1 prf");
const SECRET_BYTES: Record<WrapKind, number> = { passkey: 32, recovery: 16, device: 32 };

async function wrapKey(kind: WrapKind, secret: Bytes, share: Bytes, person: string): Promise<Bytes> {
  if (secret.length !== SECRET_BYTES[kind] || share.length !== 32) throw new ProtocolError("wrap.unreadable", "length");
  return hkdf(concat(secret, share), labelled(`wardline/1 wrap-${kind}`, utf8(person)));
}

/** `nonce` is given by the vectors only. */
export async function wrapSeed(kind: WrapKind, seed: Bytes, secret: Bytes, share: Bytes, person: string, nonce: Bytes = random(12)): Promise<Bytes> {
  const key = await wrapKey(kind, secret, share, person);
  return concat(nonce, await aesSeal(key, nonce, seed, utf8(person)));
}

/** Throws `wrap.unreadable`. */
export async function unwrapSeed(kind: WrapKind, wrap: Bytes, secret: Bytes, share: Bytes, person: string): Promise<Bytes> {
  const key = await wrapKey(kind, secret, share, person);
  return asSeed(await aesOpen(key, wrap.slice(0, 12), wrap.slice(12), utf8(person)));
}

async function roleInfo(roleStatement: Bytes): Promise<Bytes> {
  return labelled("wardline/1 role-seed", await sha256(roleStatement));
}

/** A duty role's seed for one eligible user; `roleStatement` is the header `h` of the role's statement. */
export async function sealRoleSeed(seed: Bytes, userKem: Bytes, roleStatement: Bytes): Promise<Bytes> {
  return hpkeSeal(userKem, seed, await roleInfo(roleStatement));
}

/** Throws `wrap.unreadable`. */
export async function openRoleSeed(sealed: Bytes, user: KemKey, roleStatement: Bytes): Promise<Bytes> {
  return asSeed(await hpkeOpen(user, sealed, await roleInfo(roleStatement)));
}

function asSeed(bytes: Bytes): Bytes {
  if (bytes.length !== 32) throw new ProtocolError("wrap.unreadable", "length");
  return bytes;
}
