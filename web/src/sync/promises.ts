/**
 * What this device signs when a bed is offered or taken, and the receipt of both signatures.
 *
 * Invariant: it signs what is on the screen and nothing else: an offer is accepted only if its need is the one shown and its signer is proved
 * to answer for the hospital asked.
 */
import {
  type Acceptance, b64u, type Bytes, equal, needDigest, type Offer, parseOffer, parseReceipt, proveSigner, ProtocolError, sha256, SHARED, type Signed,
  signAcceptance, signOffer, timestamp, unb64u, verifyOffer, verifyReceipt,
} from "../crypto";
import type { Ground } from "./epochs";
import type { BedRequest, BoardUnit, Candidate, ReceiptView, SignedWire } from "./types";

const MINUTES = [15, 30, 60] as const;

export interface OfferedBed { unit: Pick<BoardUnit, "capacity" | "unit" | "category">; bed: string | null; minutes: number }

export class Promises {
  readonly #ground: Ground;
  readonly #now: () => number;
  /** A receipt never changes, and each reading is in both hospitals' logs: read once. */
  readonly #receipts = new Map<string, Promise<ReceiptView>>();

  /** `now` is the service's clock: it refuses a promise whose time is far from its own, and a phone's clock may be. */
  constructor(ground: Ground, now: () => number) {
    this.#ground = ground;
    this.#now = now;
  }

  async offer(request: BedRequest, candidate: Candidate, role: string, { unit, bed, minutes }: OfferedBed): Promise<SignedWire> {
    const chosen = MINUTES.find((each) => each === minutes);
    if (!chosen) throw new ProtocolError("header.malformed", "minutes");
    const { capacity, category } = unit;
    const what = { need: await needDigest(request), capacity, unit: unit.unit, bed, category, minutes: chosen };
    const offer: Offer = { ...this.#shared(request, candidate), ...what, role };
    return wireOf(await signOffer(offer, this.#ground.ring.deviceKey));
  }

  /** Accepts the offer shown with `candidate`. Throws a `ProtocolError` if it is not what is shown, or its signer is not proved. */
  async acceptance(request: BedRequest, candidate: Candidate, role: string | null): Promise<SignedWire> {
    if (!candidate.offer) throw new ProtocolError("promise.mismatch", "no offer");
    const offer = { h: unb64u(candidate.offer.h), s: unb64u(candidate.offer.s) };
    await this.#check(offer, request, candidate);
    const acceptance: Acceptance = { ...this.#shared(request, candidate), offer: await sha256(offer.h), role };
    return wireOf(await signAcceptance(acceptance, this.#ground.ring.deviceKey));
  }

  async #check(signed: Signed, request: BedRequest, candidate: Candidate): Promise<void> {
    const offer = parseOffer(signed.h);
    const shown = this.#shared(request, candidate);
    for (const member of SHARED) if (offer[member] !== shown[member]) throw new ProtocolError("promise.mismatch", member);
    if (!equal(offer.need, await needDigest(request))) throw new ProtocolError("promise.mismatch", "need");
    await verifyOffer(signed, await this.#signer(offer));
  }

  async #signer(offer: Offer): Promise<Bytes> {
    const { trust } = this.#ground;
    try {
      return await proveSigner(trust.directory, offer, offer.destination);
    } catch (error) {
      // A device enrolled a minute ago is in the statements made since the last look.
      if (!(error instanceof ProtocolError)) throw error;
      await trust.learnNew();
      return proveSigner(trust.directory, offer, offer.destination);
    }
  }

  /** Proved from this device's own pinned root; throws a `ProtocolError` if it proves nothing, `ApiError` if there is none to be had. */
  receipt(candidate: string): Promise<ReceiptView> {
    const known = this.#receipts.get(candidate) ?? this.#read(candidate);
    this.#receipts.set(candidate, known);
    known.catch(() => this.#receipts.delete(candidate));
    return known;
  }

  async #read(candidate: string): Promise<ReceiptView> {
    const { api, trust } = this.#ground;
    const file = await api.blob(`/candidates/${candidate}/receipt`);
    const receipt = await parseReceipt(new Uint8Array(await file.arrayBuffer()));
    const { offer, acceptance, roots } = await verifyReceipt(receipt, trust.pins);
    if (offer.candidate !== candidate) throw new ProtocolError("promise.mismatch", "candidate");
    const signed = [offer, acceptance].map(({ by, role, at }, i) => ({ hospital: i === 0 ? offer.destination : offer.origin, by, role, at }));
    return { candidate, file, minutes: offer.minutes, signed, roots };
  }

  #shared(request: BedRequest, candidate: Candidate): Pick<Acceptance, (typeof SHARED)[number] | "by" | "device" | "at"> {
    const { person, device } = this.#ground.ring;
    const ends = { origin: request.origin, destination: candidate.hospital };
    return { request: request.id, candidate: candidate.id, ...ends, by: person, device, at: timestamp(new Date(this.#now())) };
  }
}

function wireOf({ h, s }: Signed): SignedWire {
  return { h: b64u(h), s: b64u(s) };
}
