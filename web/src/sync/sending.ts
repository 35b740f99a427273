/**
 * Making messages and conversations.
 *
 * Invariant: a message is sealed in the epoch at hand and goes to the outbox; a rotation that is due comes after it, never before.
 */
import {
  b64u, type Bytes, type Envelope, formatBody, type KnownBody, openMessage, parseMessageHeader, type Priority, random, type Recipient,
  sealImage, sealMessage, sha256, timestamp, unb64u, type AttachmentReference,
} from "../crypto";
import type { ConversationRow, OutboxRow, UploadRow } from "../store";
import { ApiError } from "./api";
import type { Epochs, Ground, SealedWire } from "./epochs";
import type { Inbox } from "./inbox";
import type { Outbox } from "./outbox";
import { envelopeOf } from "./reading";

/** The usual class; a hospital with another one says so in its refusal. */
export const RETENTION = "standard";

const KEEP_HOUSE_AFTER_MS = 10 * 60 * 1000;

export interface SendOptions {
  priority?: Priority;
  /** The duty role spoken in; by default the role that makes this person a member. */
  role?: string | null;
}

export interface Photo { blob: Blob; width: number; height: number }

export interface EnvelopeWire { h: string; c: string; s: string }

interface Place { conversation: string; epoch: number; prev: Bytes | null }

export class Sending {
  readonly #ground: Ground;
  readonly #epochs: Epochs;
  readonly #inbox: Inbox;
  readonly #outbox: () => Outbox;
  readonly #rolesHeld: () => readonly string[];
  readonly #keptAt = new Map<string, number>();
  readonly #isPromised: (conversation: string) => boolean;

  constructor(ground: Ground, epochs: Epochs, inbox: Inbox, outbox: () => Outbox, rolesHeld: () => readonly string[], isPromised: (conversation: string) => boolean) {
    this.#ground = ground;
    this.#epochs = epochs;
    this.#inbox = inbox;
    this.#outbox = outbox;
    this.#rolesHeld = rolesHeld;
    this.#isPromised = isPromised;
  }

  /** Returns the id of the message once it is safe in the outbox. */
  async send(conversation: string, body: KnownBody, options: SendOptions, upload?: UploadRow): Promise<string> {
    const row = this.#row(conversation);
    // The key at hand is theirs, too: where our hospital has ended a partnership nothing more is sealed, whatever the server says; but for
    // a transfer that was promised before.
    const isOver = row.members.some(({ hospital }) => !this.#ground.trust.directory.isTrusted(hospital));
    if (row.closedAt || (isOver && !this.#isPromised(conversation))) throw new ApiError(409, { code: "conversation.closed", detail: "" });
    const id = crypto.randomUUID();
    const attachments: AttachmentReference[] = upload ? [[upload.id, unb64u(upload.sha256), upload.size]] : [];
    const place = { conversation, epoch: row.epoch, prev: row.lastDigest };
    const envelope = await this.sealAt(place, id, body, { ...options, role: this.#roleIn(row, options.role) }, attachments);
    await this.#outbox().add(rowOf(id, conversation, envelope, upload), upload);
    return id;
  }

  async sendImage(conversation: string, photo: Photo, caption: string, options: SendOptions): Promise<string> {
    const { blob, width, height } = photo;
    const key = random(32);
    const ciphertext = await sealImage(blob, key);
    const sha = b64u(await sha256(new Uint8Array(await ciphertext.arrayBuffer())));
    const upload = { id: crypto.randomUUID(), conversation, size: ciphertext.size, sha256: sha, ciphertext };
    const type = blob.type === "image/png" ? "image/png" : "image/jpeg";
    const body: KnownBody = { t: "image", attachment: upload.id, key, size: blob.size, type, width, height, caption };
    return this.send(conversation, body, options, upload);
  }

  async sealAt(place: Place, id: string, body: KnownBody, options: SendOptions, attachments: AttachmentReference[] = []): Promise<Envelope> {
    const { ring } = this.#ground;
    const key = await this.#epochs.key(place.conversation, place.epoch);
    const { priority = "normal", role = null } = options;
    const header = { ...place, id, by: ring.person, role, device: ring.device, at: timestamp(), priority, attachments };
    return sealMessage(header, formatBody(body), key, ring.deviceKey);
  }

  #row(conversation: string): ConversationRow {
    const row = this.#inbox.rows.get(conversation);
    if (!row) throw new ApiError(404, { code: "conversation.not_found", detail: "" });
    return row;
  }

  #roleIn(row: ConversationRow, asked: string | null | undefined): string | null {
    if (asked !== undefined) return asked;
    // Whoever holds a duty role of the conversation speaks in it; the person behind it is recorded all the same.
    return row.members.find(({ principal }) => this.#rolesHeld().includes(principal))?.principal ?? null;
  }

  /** The same message in the epoch that is current by now. Null if the refusal was about something else. */
  async reseal(row: OutboxRow, refusal: ApiError): Promise<OutboxRow | null> {
    if (row.kind !== "message" || refusal.code !== "epoch.not_current") return null;
    const old = envelopeOf(row);
    const header = parseMessageHeader(old.h);
    const detail = await this.#inbox.detail(header.conversation);
    const body = await openMessage(old, await this.#epochs.key(header.conversation, header.epoch));
    const key = await this.#epochs.key(header.conversation, detail.epoch);
    const envelope = await sealMessage({ ...header, epoch: detail.epoch }, body, key, this.#ground.ring.deviceKey);
    return { ...row, key: crypto.randomUUID(), body: JSON.stringify({ envelope: wireOf(envelope) }) };
  }

  /** After a message of one's own: keys may have changed since the conversation was opened. Not with each one, and never before it. */
  async keepHouseNowAndThen(conversation: string): Promise<void> {
    if (Date.now() - (this.#keptAt.get(conversation) ?? 0) > KEEP_HOUSE_AFTER_MS) await this.keepHouse(conversation);
  }

  /** Makes the next epoch if it is due. */
  async keepHouse(conversation: string): Promise<void> {
    const row = this.#inbox.rows.get(conversation);
    if (!row) return;
    this.#keptAt.set(conversation, Date.now());
    const detail = await this.#inbox.detail(conversation);
    if (await this.#epochs.rotateIfDue(detail, this.#roleIn(row, undefined))) await this.#inbox.detail(conversation);
  }

  /** The direct conversation with a person, made if there is none. */
  async startDirect(person: string): Promise<string> {
    const { ring, trust, api } = this.#ground;
    const existing = [...this.#inbox.rows.values()].find((row) => isDirect(row, ring.person, person));
    if (existing) return existing.id;
    const id = crypto.randomUUID();
    const members = [ring.person, person];
    await this.begin({ conversation: id, role: null }, trust.membersWithArchives(members), (epoch) => api.post("/conversations", { id, kind: "direct", members, epoch }));
    return id;
  }

  /** A conversation's first epoch, sealed to the recipients and the retention class that the server names when it refuses. */
  async begin(plan: { conversation: string; role: string | null }, to: Recipient[], post: (epoch: SealedWire) => Promise<unknown>): Promise<void> {
    for (let recipients = to, retention = RETENTION, attempt = 1; ; attempt++) {
      const epoch = await this.#epochs.seal({ ...plan, epoch: 1, prev: null, retention }, recipients);
      try {
        await post(epoch);
        break;
      } catch (error) {
        if (!(error instanceof ApiError) || attempt === 3) throw error;
        const mended = mendedEpoch(error);
        if (!mended) throw error;
        if (mended.recipients) recipients = await this.#ground.trust.recipients(mended.recipients);
        retention = mended.retention ?? retention;
      }
    }
    await this.#inbox.sync();
  }
}

/** What a refused epoch has to have instead, if that is why it was refused. */
export function mendedEpoch({ code, body }: ApiError): { recipients?: [string, string][]; retention?: string } | null {
  if (code === "epoch.stale_recipients") return { recipients: body["recipients"] as [string, string][] };
  if (code === "epoch.retention") return { retention: String(body["retention"]) };
  return null;
}

function isDirect(row: ConversationRow, a: string, b: string): boolean {
  const people = row.members.filter(({ kind }) => kind !== "archive").map(({ principal }) => principal);
  return row.kind === "direct" && !row.closedAt && people.length === 2 && people.includes(a) && people.includes(b);
}

function rowOf(id: string, conversation: string, envelope: Envelope, upload: UploadRow | undefined): OutboxRow {
  return {
    id,
    key: id,
    kind: "message",
    conversation,
    path: `/conversations/${conversation}/messages`,
    body: JSON.stringify({ envelope: wireOf(envelope) }),
    madeAt: timestamp(),
    attachments: upload ? [upload.id] : [],
    problem: null,
  };
}

export function wireOf({ h, c, s }: Envelope): EnvelopeWire {
  return { h: b64u(h), c: b64u(c), s: b64u(s) };
}
