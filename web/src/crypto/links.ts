/**
 * The links that carry a secret or a root in their fragment (docs/protocol.md sections 3.2 and 3.3).
 *
 * Invariant: the token is for the server; what follows the dot never reaches it. A seed leaves by a device link only sealed to the key that
 * two people compared digits of.
 */
import { b64u, type Bytes, concat, labelled, sha256, unb64u, utf8 } from "./encoding";
import { ProtocolError } from "./errors";
import { bytes, headerBytes, integer, oneOf, parseJson, object, uuid, type JsonObject } from "./headers";
import { hpkeOpen, hpkeSeal, type KemKey } from "./hpke";
import { hkdf, openOnce, sealOnce, sign, type SigningKey, verify } from "./keys";

const FRAGMENT = /^.*#\/(link|join|recover|restore)\/([A-Za-z0-9_-]{1,128})\.([A-Za-z0-9_-]+)$/s;

const SETUP = /^.*#\/setup\/([A-Za-z0-9_-]{1,128})$/s;

/** What the new device learns from the old one. */
export interface LinkPayload {
  person: string;
  seed: Bytes;
  generation: number;
  hospital: string;
  root: Bytes;
}

export interface LinkFragment {
  kind: "link" | "join" | "recover" | "restore";
  token: string;
  /** The link's secret, or the root public key of the inviting hospital. */
  value: Bytes;
}

/** Reads an address of the given kind. Throws `header.malformed` or `encoding.not_canonical`. */
export function parseLinkOf(kind: LinkFragment["kind"], address: string): LinkFragment {
  const read = parseFragment(address);
  if (read.kind !== kind) throw new ProtocolError("header.malformed", `not a ${kind} address`);
  return read;
}

/** Reads a whole address or its fragment. Throws `header.malformed` or `encoding.not_canonical`. */
export function parseFragment(address: string): LinkFragment {
  const [, kind, token, value] = FRAGMENT.exec(address.trim()) ?? [];
  if (!kind || !token || !value) throw new ProtocolError("header.malformed", "not a link");
  return { kind: kind as LinkFragment["kind"], token, value: unb64u(value, 32) };
}

/** The token of a set-up address, which carries nothing else: the root is made by who opens it. Throws `header.malformed`. */
export function parseSetup(address: string): string {
  const [, token] = SETUP.exec(address.trim()) ?? [];
  if (!token) throw new ProtocolError("header.malformed", "not a set-up address");
  return token;
}

export function formatLink(token: string, secret: Bytes): string {
  return `/#/link/${token}.${b64u(secret)}`;
}

export function formatInvitation(token: string, root: Bytes): string {
  return `/#/join/${token}.${b64u(root)}`;
}

export function formatRecovery(token: string, root: Bytes): string {
  return `/#/recover/${token}.${b64u(root)}`;
}

export function formatRestoration(token: string, root: Bytes): string {
  return `/#/restore/${token}.${b64u(root)}`;
}

function linkInfo(token: string): Bytes {
  return labelled("wardline/1 link", utf8(token));
}

export async function sealLink(payload: LinkPayload, secret: Bytes, token: string): Promise<Bytes> {
  const { person, seed, generation, hospital, root } = payload;
  const plain = headerBytes({ v: 1, person, seed: b64u(seed), generation, hospital, root: b64u(root) });
  return sealOnce(secret, linkInfo(token), plain);
}

/** Throws `wrap.unreadable`, or a `header` code when the payload itself is wrong. */
export async function openLink(sealed: Bytes, secret: Bytes, token: string): Promise<LinkPayload> {
  const read = parseJson(await openOnce(secret, linkInfo(token), sealed));
  const version = (read as JsonObject | null)?.["v"];
  if (typeof version === "number" && version !== 1) throw new ProtocolError("header.unknown_version");
  const shape = { v: oneOf(1), person: uuid, seed: bytes(32), generation: integer(1), hospital: uuid, root: bytes(32) };
  const { v: _v, ...payload } = object<LinkPayload & { v: number }>(shape)(read);
  return payload;
}

async function pinDigest(hospital: string, root: Bytes): Promise<Bytes> {
  return sha256(concat(utf8(hospital), root));
}

/** The person's own word, for a later device of theirs, which root their hospital has (section 3.4). */
export async function signPin(key: SigningKey, hospital: string, root: Bytes): Promise<Bytes> {
  return sign(key, "wardline/1 sig-pin", await pinDigest(hospital, root));
}

/** Throws `signature.invalid`. */
export async function verifyPin(publicKey: Bytes, hospital: string, root: Bytes, pin: Bytes): Promise<void> {
  await verify(publicKey, pin, "wardline/1 sig-pin", await pinDigest(hospital, root));
}

/** The public keys a new device comes with: its own, and one made for receiving the seed. */
export interface LinkClaim {
  token: string;
  sign: Bytes;
  kem: Bytes;
}

/** What digits and sealed payload are bound to. */
async function claimDigest({ token, sign, kem }: LinkClaim): Promise<Bytes> {
  return sha256(concat(utf8(token), sign, kem));
}

/** What the link shows: it commits the old device to `opening` and does not give it away. */
export async function linkSecret(opening: Bytes): Promise<Bytes> {
  return hkdf(opening, utf8("wardline/1 link-secret"));
}

/** Six digits that two people compare. Until `opening` is handed out nobody, the server included, can make keys that show them. */
export async function linkDigits(opening: Bytes, claim: LinkClaim): Promise<string> {
  const bytes = await hkdf(opening, labelled("wardline/1 link-digits", await claimDigest(claim)), 8);
  return String(new DataView(bytes.buffer).getBigUint64(0) % 1_000_000n).padStart(6, "0");
}

async function claimInfo(claim: LinkClaim): Promise<Bytes> {
  return labelled("wardline/1 link", await claimDigest(claim));
}

/** A payload sealed under the link's secret, for the claiming device alone. */
export async function sealLinkFor(claim: LinkClaim, sealed: Bytes): Promise<Bytes> {
  return hpkeSeal(claim.kem, sealed, await claimInfo(claim));
}

/** Throws `wrap.unreadable`. */
export async function openLinkFor(claim: LinkClaim, kem: KemKey, sealed: Bytes): Promise<Bytes> {
  return hpkeOpen(kem, sealed, await claimInfo(claim));
}
