/**
 * Conversations and messages as the screens show them: what is stored, opened, with what still waits.
 *
 * Invariant: bodies are opened here and nowhere else kept; a list is published whole, so a screen never sees half a change.
 */
import { type Body, openImage, parseMessageHeader, ProtocolError } from "../crypto";
import type { ConversationRow, MessageRow } from "../store";
import { ApiError } from "./api";
import type { Ground } from "./epochs";
import { byLatest, type Inbox } from "./inbox";
import { Value } from "./observable";
import type { Outbox } from "./outbox";
import { envelopeOf, type Reading } from "./reading";
import type { ConversationView, MessageView, Readable } from "./types";

export class Conversations {
  readonly list = new Value<ConversationView[]>([]);
  readonly #ground: Ground;
  readonly #inbox: Inbox;
  readonly #outbox: () => Outbox;
  readonly #reading: Reading;
  readonly #onOpened: (conversation: string) => void;
  readonly #messages = new Map<string, Value<MessageView[]>>();
  readonly #summaries = new Map<string, ConversationView>();
  /** Conversations to be shown anew; one worker, so that a burst is one pass. */
  readonly #dirty = new Set<string>();
  #isWorking = false;

  constructor(ground: Ground, inbox: Inbox, outbox: () => Outbox, reading: Reading, onOpened: (conversation: string) => void) {
    this.#ground = ground;
    this.#inbox = inbox;
    this.#outbox = outbox;
    this.#reading = reading;
    this.#onOpened = onOpened;
  }

  messages(conversation: string): Readable<MessageView[]> {
    const known = this.#messages.get(conversation);
    if (known) return known;
    const value = new Value<MessageView[]>([], () => {
      this.changed([conversation]);
      this.#onOpened(conversation);
    });
    this.#messages.set(conversation, value);
    return value;
  }

  /** Those on a screen now. */
  watched(): string[] {
    return [...this.#messages].filter(([, value]) => value.isWatched).map(([id]) => id);
  }

  changed(conversations: readonly string[]): void {
    for (const id of conversations) this.#dirty.add(id);
    if (!this.#isWorking) void this.#work();
  }

  /** Everything anew: names or keys have changed, so what could not be opened may open now. */
  allChanged(): void {
    this.changed([...this.#inbox.rows.keys()]);
  }

  async #work(): Promise<void> {
    this.#isWorking = true;
    try {
      while (this.#dirty.size > 0) {
        const due = [...this.#dirty].sort((a, b) => this.#urgency(a) - this.#urgency(b));
        this.#dirty.clear();
        for (const [i, id] of due.entries()) {
          await this.#show(id);
          // The first screenful appears before the hundredth conversation is opened.
          if (i % 8 === 7) this.#publish();
        }
        this.#publish();
      }
    } finally {
      this.#isWorking = false;
    }
  }

  /** What is on the screen first, then the newest. */
  #urgency(id: string): number {
    if (this.#messages.get(id)?.isWatched) return -Infinity;
    return -Date.parse(this.#inbox.rows.get(id)?.lastAt ?? "1970-01-01");
  }

  async #show(id: string): Promise<void> {
    const row = this.#inbox.rows.get(id);
    if (!row) {
      this.#summaries.delete(id);
      this.#messages.get(id)?.set([]);
      return;
    }
    this.#summaries.set(id, await this.#summary(row));
    const value = this.#messages.get(id);
    if (value?.isWatched) value.set(await this.#views(row));
  }

  #publish(): void {
    const rows = [...this.#inbox.rows.values()].sort(byLatest);
    this.list.set(rows.flatMap(({ id }) => this.#summaries.get(id) ?? []));
  }

  async #summary(row: ConversationRow): Promise<ConversationView> {
    const latest = await this.#ground.store.message(row.id, row.have);
    const view = latest && (await this.#reading.view(latest, row));
    const unread = (await this.#ground.store.messagesAfter(row.id, row.read)).filter((entry) => !this.#isOwn(entry));
    return {
      id: row.id,
      kind: row.kind,
      members: row.members,
      awaited: row.awaited ?? [],
      closedAt: row.closedAt ?? null,
      request: row.request,
      emergencies: row.emergencies ?? [],
      lastSequence: row.lastSequence,
      lastAt: row.lastAt,
      lastLine: lineOf(view?.body ?? null),
      lastType: view?.body?.t ?? "",
      lastIsOwn: view?.isOwn ?? false,
      unread: unread.length,
      hasUnreadStat: unread.some(({ priority }) => priority === "stat"),
    };
  }

  #isOwn(row: MessageRow): boolean {
    return row.person === this.#ground.ring.person;
  }

  async #views(row: ConversationRow): Promise<MessageView[]> {
    const stored = await this.#ground.store.messages(row.id);
    const views: MessageView[] = [];
    for (const entry of stored) views.push(await this.#reading.view(entry, row));
    const there = new Set(stored.map(({ id }) => id));
    for (const waiting of this.#outbox().rows) {
      if (waiting.kind !== "message" || waiting.conversation !== row.id || there.has(waiting.id)) continue;
      views.push(await this.#reading.waiting(waiting, this.#outbox().progress.get(waiting.id) ?? null));
    }
    return views;
  }

  /** The picture of a message. The server writes down that it was opened before it sends the first byte. */
  async openImage(message: MessageView): Promise<Blob> {
    const { body } = message;
    if (body?.t !== "image") throw new ProtocolError("image.unreadable", "no image");
    const waiting = message.sequence === null ? await this.#ground.store.upload(body.attachment) : undefined;
    const sealed = waiting?.ciphertext ?? (await this.#ground.api.blob(`/attachments/${body.attachment}/content`));
    return openImage(sealed, body.key, body.type);
  }

  /** Takes one's own message in from the answer to it. */
  async sent(conversation: string, row: Parameters<typeof envelopeOf>[0], answer: { sequence: number; created_at: string }): Promise<void> {
    const { h, c, s } = (JSON.parse(row.body) as { envelope: { h: string; c: string; s: string } }).envelope;
    const { id, epoch, by: person, role, device, priority } = parseMessageHeader(envelopeOf(row).h);
    const wire = { ...answer, id, epoch, person, role, device, priority, h, c, s, acknowledged: [] };
    // The message is with the server; whether the gap before it can be fetched now is another matter.
    await this.#inbox.receive(conversation, wire).catch((error: unknown) => {
      if (!(error instanceof ApiError)) throw error;
    });
  }
}

function lineOf(body: Body | null): string {
  if (body?.t === "text") return body.text;
  return body?.t === "image" ? body.caption : "";
}
