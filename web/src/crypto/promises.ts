/**
 * What two hospitals sign when a bed is promised: the offer and its acceptance (docs/protocol.md section 12).
 *
 * Invariant: an acceptance names the digest of the one offer it accepts, the offer names the need and the bed; so two parties that hold both
 * signed headers hold the same promise, whoever carried them.
 */
import { b64u, type Bytes, equal, labelled, sha256, utf8 } from "./encoding";
import { ProtocolError } from "./errors";
import { bytes, type Check, headerBytes, nullable, oneOf, parseHeader, text, time, uuid } from "./headers";
import { sign, type SigningKey, verify } from "./keys";

export const MAX_PROMISE_BYTES = 2_048;
/** How far a device's clock may be from the server's when it signs. */
export const CLOCK_WITHIN_MS = 5 * 60_000;

/** Header and signature, as signed and sent. */
export interface Signed { h: Bytes; s: Bytes }

interface Shared {
  request: string;
  candidate: string;
  origin: string;
  destination: string;
  by: string;
  device: string;
  at: string;
}

/** The destination promises a bed for `minutes`. `need` is `needDigest`'s. */
export interface Offer extends Shared {
  need: Bytes;
  capacity: string;
  unit: string;
  bed: string | null;
  category: string;
  minutes: 15 | 30 | 60;
  role: string;
}

/** The origin takes the offer whose header has the digest `offer`. */
export interface Acceptance extends Shared {
  offer: Bytes;
  role: string | null;
}

/** What was asked for, all of it codes. */
export interface Need {
  age_band: string;
  capabilities: string[];
  category: string;
  sex: string;
  transport_mode: string;
  urgency: string;
}

export const SHARED = ["request", "candidate", "origin", "destination"] as const;
const code: Check<string> = (value) => {
  const read = text(value);
  if (!/^[a-z0-9-]{1,32}$/.test(read)) throw new ProtocolError("header.malformed", "code");
  return read;
};
const ids = { request: uuid, candidate: uuid, origin: uuid, destination: uuid };
const signer = { by: uuid, device: uuid, at: time };

/** The one order and spelling of a need: members and capabilities ascending, each capability once. */
export function needOf({ age_band, capabilities, category, sex, transport_mode, urgency }: Need): Need {
  return { age_band, capabilities: [...new Set(capabilities)].sort(), category, sex, transport_mode, urgency };
}

export async function needDigest(need: Need): Promise<Bytes> {
  return sha256(labelled("wardline/1 need", utf8(JSON.stringify(needOf(need)))));
}

/** Throws a `header` or `encoding` code. */
export function parseOffer(h: Bytes): Offer {
  const bed = { need: bytes(32), capacity: uuid, unit: uuid, bed: nullable(uuid), category: code, minutes: oneOf(15, 30, 60) };
  return parseHeader<Offer>(bounded(h), "offer", { ...ids, ...bed, ...signer, role: uuid });
}

/** Throws a `header` or `encoding` code. */
export function parseAcceptance(h: Bytes): Acceptance {
  return parseHeader<Acceptance>(bounded(h), "acceptance", { ...ids, offer: bytes(32), ...signer, role: nullable(uuid) });
}

function bounded(h: Bytes): Bytes {
  if (h.length > MAX_PROMISE_BYTES) throw new ProtocolError("header.malformed", "too long");
  return h;
}

export async function signOffer(offer: Offer, key: SigningKey): Promise<Signed> {
  const h = headerBytes({ v: 1, t: "offer", ...offer, need: b64u(offer.need) });
  parseOffer(h);
  return { h, s: await sign(key, "wardline/1 sig-offer", await sha256(h)) };
}

export async function signAcceptance(acceptance: Acceptance, key: SigningKey): Promise<Signed> {
  const h = headerBytes({ v: 1, t: "acceptance", ...acceptance, offer: b64u(acceptance.offer) });
  parseAcceptance(h);
  return { h, s: await sign(key, "wardline/1 sig-acceptance", await sha256(h)) };
}

/** Throws `signature.invalid`. */
export async function verifyOffer({ h, s }: Signed, device: Bytes): Promise<void> {
  await verify(device, s, "wardline/1 sig-offer", await sha256(h));
}

/** Throws `signature.invalid`. */
export async function verifyAcceptance({ h, s }: Signed, device: Bytes): Promise<void> {
  await verify(device, s, "wardline/1 sig-acceptance", await sha256(h));
}

/** Whether the second accepts the first, while it stood. Throws `promise.mismatch`, `promise.out_of_time`, a `header` or `encoding` code. */
export async function checkPair(offer: Signed, acceptance: Signed): Promise<{ offer: Offer; acceptance: Acceptance }> {
  const [offered, accepted] = [parseOffer(offer.h), parseAcceptance(acceptance.h)];
  if (!equal(accepted.offer, await sha256(offer.h))) throw new ProtocolError("promise.mismatch", "offer");
  for (const member of SHARED) if (offered[member] !== accepted[member]) throw new ProtocolError("promise.mismatch", member);
  if (offered.origin === offered.destination) throw new ProtocolError("promise.mismatch", "one hospital");
  // Either clock may be off, in opposite directions.
  const after = Date.parse(accepted.at) - Date.parse(offered.at);
  if (after < -2 * CLOCK_WITHIN_MS || after > offered.minutes * 60_000 + 2 * CLOCK_WITHIN_MS) throw new ProtocolError("promise.out_of_time");
  return { offer: offered, acceptance: accepted };
}
