/**
 * The printed recovery code (docs/protocol.md section 3.1).
 *
 * Invariant: 128 bits and one spelling; reading forgives what a tired hand writes, and nothing else.
 */
import type { Bytes } from "./encoding";
import { ProtocolError } from "./errors";

const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const CHARACTERS = 26;

/** 16 bytes as printed: groups of five, the last has six. */
export function formatRecoveryCode(secret: Bytes): string {
  let number = secret.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n) << 2n;
  let code = "";
  for (let i = 0; i < CHARACTERS; i++) {
    code = (CROCKFORD[Number(number & 31n)] ?? "") + code;
    number >>= 5n;
  }
  return [0, 5, 10, 15].map((at) => code.slice(at, at + 5)).join("-") + "-" + code.slice(20);
}

/** Throws `encoding.not_canonical`. */
export function parseRecoveryCode(typed: string): Bytes {
  const folded = typed.replace(/[ -]/g, "").toUpperCase().replaceAll("O", "0").replace(/[IL]/g, "1");
  const values = [...folded].map((character) => CROCKFORD.indexOf(character));
  if (values.length !== CHARACTERS || values.includes(-1)) throw new ProtocolError("encoding.not_canonical", "recovery code");
  let number = values.reduce((sum, value) => (sum << 5n) | BigInt(value), 0n);
  if (number & 3n) throw new ProtocolError("encoding.not_canonical", "recovery code");
  number >>= 2n;
  return Uint8Array.from({ length: 16 }, (_, i) => Number((number >> BigInt(8 * (15 - i))) & 255n));
}
