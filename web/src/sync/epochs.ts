/**
 * Epoch keys: got, checked, made.
 *
 * Invariant: a key is used only after its epoch was signed by an unrevoked device of somebody who belongs to the conversation, in an unbroken
 * line from the epoch before; a key is sealed only to proved recipients.
 */
import {
  b64u, type Bytes, equal, type EpochHeader, headsIn, openEpoch, parseEpochHeader, ProtocolError, type Recipient, sealEpoch, sha256,
  type SignedEpoch, timestamp, unb64u, verifyEpoch, wrapsDigest,
} from "../crypto";
import type { EpochRow, LocalStore } from "../store";
import { type Api, ApiError } from "./api";
import type { Keyring } from "./keyring";
import type { Trust } from "./trust";
import type { ConversationDetailWire, EpochWire, Results } from "./wire";

const ROTATE_AFTER_MS = 24 * 60 * 60 * 1000;

/** What the parts of an unlocked session stand on. */
export interface Ground {
  api: Api;
  store: LocalStore;
  ring: Keyring;
  trust: Trust;
}

interface EpochPlan { conversation: string; epoch: number; prev: Bytes | null; role: string | null; retention: string }

export interface SealedWire { h: string; w: string[]; s: string }

export class Epochs {
  readonly #ground: Ground;
  readonly #opening = new Map<string, Promise<Bytes>>();

  constructor(ground: Ground) {
    this.#ground = ground;
  }

  /** The key of an epoch. Throws a `ProtocolError` if it cannot be had or believed, `ApiError` if it would have to be fetched. */
  async key(conversation: string, epoch: number): Promise<Bytes> {
    const known = this.#ground.ring.epochKey(conversation, epoch);
    if (known) return known;
    const id = `${conversation} ${epoch}`;
    // Fifty messages of one epoch open it once.
    const opening = this.#opening.get(id) ?? this.#open(conversation, epoch);
    this.#opening.set(id, opening);
    return opening.finally(() => this.#opening.delete(id));
  }

  async header(conversation: string, epoch: number): Promise<EpochHeader> {
    const row = (await this.#ground.store.epoch(conversation, epoch)) ?? (await this.#fetch(conversation, epoch));
    return parseEpochHeader(row.h);
  }

  async #open(conversation: string, epoch: number): Promise<Bytes> {
    const kept = await this.#ground.store.epoch(conversation, epoch);
    const key = (kept && (await this.#openWraps(kept))) ?? (await this.#openWraps(await this.#fetch(conversation, epoch)));
    if (!key) throw new ProtocolError("wrap.unreadable", "no wrap for this person");
    this.#ground.ring.keepEpochKey(conversation, epoch, key);
    return key;
  }

  async #openWraps(row: EpochRow): Promise<Bytes | null> {
    const header = await this.#verified(row);
    for (const { principal, wrap } of row.wraps) {
      const kid = header.to.find(([to]) => to === principal)?.[1];
      const kem = kid && this.#ground.ring.kem(principal, kid);
      if (kem) return openEpoch(row.h, wrap, principal, kem);
    }
    return null;
  }

  async #verified(row: EpochRow): Promise<EpochHeader> {
    const header = parseEpochHeader(row.h);
    if (header.conversation !== row.conversation || header.epoch !== row.epoch) throw new ProtocolError("signature.invalid", "of another epoch");
    const device = await this.#ground.trust.deviceAt(header.device, header.by, header.at);
    await verifyEpoch(row.h, row.wrapsDigest, row.s, device);
    const before = await this.#ground.store.epoch(row.conversation, row.epoch - 1);
    if (before && !equal(await sha256(before.h), header.prev ?? new Uint8Array())) throw new ProtocolError("signature.invalid", "not the next epoch");
    // Without this, an outsider's device and the server could open an epoch of their own in our conversation.
    const members = before ? parseEpochHeader(before.h).to : header.to;
    if (!members.some(([member]) => member === header.by || member === header.role)) throw new ProtocolError("signature.invalid", "not by a member");
    this.#ground.trust.hear(headsIn(header), header.by);
    return header;
  }

  async #fetch(conversation: string, epoch: number): Promise<EpochRow> {
    // The one before too: the line of epochs is checked along `prev`.
    const path = `/conversations/${conversation}/epochs?after=${Math.max(0, epoch - 2)}`;
    const { results } = await this.#ground.api.get<Results<EpochWire>>(path);
    const rows = results.map((wire) => rowOf(conversation, wire));
    for (const row of rows) await this.#ground.store.putEpoch(row);
    const found = rows.find((row) => row.epoch === epoch);
    if (!found) throw new ProtocolError("wrap.unreadable", "no such epoch");
    return found;
  }

  /** Makes an epoch and keeps what this person needs of it; it counts once the server has taken it. */
  async seal(draft: EpochPlan, recipients: readonly Recipient[]): Promise<SealedWire> {
    const { ring, trust } = this.#ground;
    const heads = trust.headsOf(recipients.map(({ principal }) => principal));
    const sealed = await sealEpoch({ ...draft, by: ring.person, device: ring.device, at: timestamp(), recipients, heads }, ring.deviceKey);
    const { conversation, epoch } = draft;
    const row = await ownRow(conversation, epoch, sealed);
    if (epoch === 1) await this.#ground.store.putEpoch(row);
    if (epoch === 1) ring.keepEpochKey(conversation, epoch, sealed.key);
    return { h: b64u(sealed.h), w: sealed.w.map(b64u), s: b64u(sealed.s) };
  }

  /** Makes the next epoch if members, their keys, or a day have passed. Housekeeping: it never stands in the way of a message. */
  async rotateIfDue(detail: ConversationDetailWire, role: string | null): Promise<boolean> {
    const { id, epoch, recipients } = detail;
    const header = await this.header(id, epoch);
    const present = new Set(header.to.map(([principal, kid]) => `${principal} ${b64u(kid)}`));
    const isSame = present.size === recipients.length && recipients.every(([principal, kid]) => present.has(`${principal} ${kid}`));
    if (isSame && Date.now() - Date.parse(header.at) < ROTATE_AFTER_MS) return false;
    const row = await this.#ground.store.epoch(id, epoch);
    if (!row) return false;
    const proved = await this.#ground.trust.recipients(recipients);
    const draft = { conversation: id, epoch: epoch + 1, prev: await sha256(row.h), role, retention: header.retention };
    const sealed = await this.seal(draft, proved);
    return this.#ground.api.post(`/conversations/${id}/epochs`, { epoch: sealed }).then(() => true, wasFirst);
  }
}

/** Somebody else's epoch came first, or the members just changed: the next look settles it. */
function wasFirst(error: unknown): false {
  if (error instanceof ApiError && error.status === 409) return false;
  throw error;
}

function rowOf(conversation: string, { epoch, h, s, wraps_digest, wraps }: EpochWire): EpochRow {
  const opened = wraps.map(({ principal, wrap }) => ({ principal, wrap: unb64u(wrap) }));
  return { conversation, epoch, h: unb64u(h), s: unb64u(s), wrapsDigest: unb64u(wraps_digest), wraps: opened };
}

async function ownRow(conversation: string, epoch: number, { h, w, s }: SignedEpoch): Promise<EpochRow> {
  const wraps = parseEpochHeader(h).to.map(([principal], i) => ({ principal, wrap: w[i] ?? new Uint8Array() }));
  return { conversation, epoch, h, s, wrapsDigest: await wrapsDigest(w), wraps };
}
