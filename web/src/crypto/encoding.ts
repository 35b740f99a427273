/**
 * Bytes and their text forms (docs/protocol.md section 2).
 *
 * Invariant: one value has one text. Whatever decodes here re-encodes to the identical characters.
 */
import { ProtocolError } from "./errors";

/** Bytes backed by a plain buffer, as WebCrypto wants them. */
export type Bytes = Uint8Array<ArrayBuffer>;

const encoder = new TextEncoder();
const ALPHABET = /^[A-Za-z0-9_-]*$/;

export function utf8(text: string): Bytes {
  return encoder.encode(text);
}

/** Throws `header.malformed` on invalid UTF-8. */
export function fromUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new ProtocolError("header.malformed", "not UTF-8");
  }
}

export function concat(...parts: readonly Uint8Array[]): Bytes {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** `"label" || 0x00 || rest`, the shape of every info and signed text of the protocol. */
export function labelled(label: string, ...rest: readonly Uint8Array[]): Bytes {
  return concat(utf8(label), new Uint8Array(1), ...rest);
}

export function b64u(bytes: Uint8Array): string {
  let binary = "";
  for (let at = 0; at < bytes.length; at += 0x8000) binary += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** Throws `encoding.not_canonical` for padding, foreign characters, stray trailing bits, or a length other than asked. */
export function unb64u(text: string, length?: number): Bytes {
  if (!ALPHABET.test(text) || text.length % 4 === 1) throw new ProtocolError("encoding.not_canonical");
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
  if (b64u(bytes) !== text) throw new ProtocolError("encoding.not_canonical");
  if (length !== undefined && bytes.length !== length) throw new ProtocolError("header.malformed", "length");
  return bytes;
}

/** Equal in content; takes the same time wherever they differ. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= (a[i] ?? 0) ^ (b[i] ?? 0);
  return difference === 0;
}

export function random(length: number): Bytes {
  return crypto.getRandomValues(new Uint8Array(length));
}

export async function sha256(...parts: readonly Uint8Array[]): Promise<Bytes> {
  const [only] = parts;
  const input = parts.length === 1 && only ? (only as Bytes) : concat(...parts);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", input));
}

/** The present moment as the protocol writes it: UTC with milliseconds. */
export function timestamp(at: Date = new Date()): string {
  return at.toISOString();
}
