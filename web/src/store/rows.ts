/** What is kept on the device: keys the page cannot read, ciphertext, and where it stands. */
import type { Bytes, KeptHeads, Priority } from "../crypto";

/** This browser as a device. `secret` is there where the passkey has no PRF: 32 bytes under `secretKey`, which no page can export. */
export interface DeviceRow {
  id: string;
  label: string;
  privateKey: CryptoKey;
  publicKey: Bytes;
  secretKey: CryptoKey | null;
  secret: { nonce: Bytes; sealed: Bytes } | null;
}

export interface AccountRow {
  person: string;
  hospital: string;
  hospitalName: string;
  /** The id of the passkey made for this device. */
  credential: string;
  idleLockSeconds: number;
  /** Hospital to root public key, from the link or invitation. */
  pins: [hospital: string, root: Bytes][];
}

/** A leaf of a hospital's log of statements; `signed` is null where only the leaf's hash is shown. */
export interface StatementRow { order: number; hospital: string; place: number; leaf: Bytes; signed: { h: Bytes; s: Bytes } | null }

/** `order`: how far the directory has been read, all hospitals together. */
export interface HeadsRow { order: number; heads: KeptHeads }

export interface EpochRow {
  conversation: string;
  epoch: number;
  h: Bytes;
  s: Bytes;
  wrapsDigest: Bytes;
  wraps: { principal: string; wrap: Bytes }[];
}

export interface MessageRow {
  conversation: string;
  sequence: number;
  id: string;
  epoch: number;
  person: string;
  role: string | null;
  device: string;
  priority: Priority;
  createdAt: string;
  h: Bytes;
  c: Bytes;
  s: Bytes;
  acknowledged: { person: string; role: string | null; at: string }[];
}

export interface ConversationRow {
  id: string;
  kind: "direct" | "case";
  epoch: number;
  lastSequence: number;
  lastAt: string | null;
  members: { principal: string; kind: string; hospital: string }[];
  /** Missing in rows stored before there were any. */
  /** Nobody can write here any more: the partnership has ended. */
  closedAt?: string | null;
  awaited?: { principal: string; kind: string; hospital: string }[];
  request: string | null;
  /** Emergency accesses, as the server says; missing in rows stored before there were any. */
  emergencies?: { id: string; person: string; role: string; reason: string; started_at: string; ends_at: string; ended_at: string | null }[];
  /** Stored here without a gap up to this sequence. */
  have: number;
  /** Read by the person up to this sequence. */
  read: number;
  /** Of the latest message stored here: the `prev` of the next one. */
  lastDigest: Bytes | null;
  /** The highest sequence another person's device has stored. */
  deliveredToOthers: number;
}

/** What is still to reach the server, in the order it was made; `body` are the identical bytes of every attempt. */
export interface OutboxRow {
  order?: number;
  id: string;
  /** The idempotency key: the same for every attempt with this body. */
  key: string;
  kind: "message" | "request";
  conversation: string | null;
  path: string;
  body: string;
  madeAt: string;
  /** Attachments that must be there before. */
  attachments: string[];
  /** A code once the server has refused it for good. */
  problem: string | null;
}

export interface UploadRow {
  id: string;
  conversation: string;
  size: number;
  sha256: string;
  ciphertext: Blob;
}
