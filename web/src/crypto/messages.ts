/**
 * Messages (docs/protocol.md section 6).
 *
 * Invariant: the key of a message depends on its header, so a changed header is a message nobody can read; the device signs both.
 */
import { b64u, type Bytes, labelled, sha256 } from "./encoding";
import { ProtocolError } from "./errors";
import { bytes, type Check, headerBytes, integer, list, nullable, oneOf, parseHeader, time, tuple, uuid } from "./headers";
import { openOnce, sealOnce, sign, type SigningKey, verify } from "./keys";

const LABEL = "wardline/1 sig-message";
const TAG = 16;
const BLOCK = 256;
export const MAX_CIPHERTEXT = 65_536;
export const MAX_BODY_BYTES = Math.floor((MAX_CIPHERTEXT - TAG) / BLOCK) * BLOCK - 1;

export type Priority = "normal" | "urgent" | "stat";
/** A sealed file: digest and size in bytes of its ciphertext. */
export type AttachmentReference = [id: string, sha256: Bytes, size: number];

export interface MessageHeader {
  conversation: string;
  epoch: number;
  id: string;
  by: string;
  role: string | null;
  device: string;
  at: string;
  prev: Bytes | null;
  priority: Priority;
  attachments: AttachmentReference[];
}

export interface Envelope { h: Bytes; c: Bytes; s: Bytes }

const attachments: Check<AttachmentReference[]> = (value) => {
  const read = list(tuple<AttachmentReference>(uuid, bytes(32), integer(TAG)), 0, 16)(value);
  if (new Set(read.map(([id]) => id)).size !== read.length) throw new ProtocolError("header.malformed", "an attachment twice");
  return read;
};

/** Throws a `header` or `encoding` code. */
export function parseMessageHeader(h: Bytes): MessageHeader {
  return parseHeader<MessageHeader>(h, "message", {
    conversation: uuid,
    epoch: integer(1),
    id: uuid,
    by: uuid,
    role: nullable(uuid),
    device: uuid,
    at: time,
    prev: nullable(bytes(32)),
    priority: oneOf("normal", "urgent", "stat"),
    attachments,
  });
}

/** Throws `signature.invalid`. */
export async function verifyMessage({ h, c, s }: Envelope, device: Bytes): Promise<void> {
  await verify(device, s, LABEL, await sha256(h), await sha256(c));
}

/** Throws `message.unreadable` when the body is too long. */
export async function sealMessage(header: MessageHeader, body: Bytes, key: Bytes, signer: SigningKey): Promise<Envelope> {
  const { prev, attachments, ...rest } = header;
  const files = attachments.map(([id, digest, size]) => [id, b64u(digest), size]);
  const h = headerBytes({ v: 1, t: "message", ...rest, prev: prev && b64u(prev), attachments: files });
  parseMessageHeader(h);
  return sealUnder(h, body, key, signer);
}

/** Seals under header bytes as they are. */
export async function sealUnder(h: Bytes, body: Bytes, key: Bytes, signer: SigningKey): Promise<Envelope> {
  const c = await sealOnce(key, labelled("wardline/1 message", await sha256(h)), pad(body), h);
  return { h, c, s: await sign(signer, LABEL, await sha256(h), await sha256(c)) };
}

/** The body; `key` is the epoch's, the signature is verified before. Throws `message.unreadable`. */
export async function openMessage({ h, c }: Pick<Envelope, "h" | "c">, key: Bytes): Promise<Bytes> {
  if (c.length < BLOCK + TAG || c.length > MAX_CIPHERTEXT || (c.length - TAG) % BLOCK) throw new ProtocolError("message.unreadable", "length");
  const padded = await openOnce(key, labelled("wardline/1 message", await sha256(h)), c, h).catch(() => {
    throw new ProtocolError("message.unreadable");
  });
  return unpad(padded);
}

export function pad(body: Bytes): Bytes {
  if (body.length > MAX_BODY_BYTES) throw new ProtocolError("message.unreadable", "too long");
  const padded = new Uint8Array(Math.ceil((body.length + 1) / BLOCK) * BLOCK);
  padded.set(body);
  padded[body.length] = 0x80;
  return padded;
}

export function unpad(padded: Bytes): Bytes {
  const end = padded.findLastIndex((byte) => byte !== 0);
  // The shortest padding only: a second spelling of the same body would be a hidden channel.
  if (end < 0 || padded[end] !== 0x80 || padded.length - end > BLOCK) throw new ProtocolError("message.unreadable", "padding");
  return padded.slice(0, end);
}
