/**
 * Conversations as they stand on the server, fetched by state.
 *
 * Invariant: `have` is the sequence up to which messages are stored here without a gap. The socket only makes it quicker: whatever it loses,
 * the next sync finds.
 */
import { sha256, unb64u, type Priority } from "../crypto";
import type { ConversationRow, MessageRow } from "../store";
import { ApiError } from "./api";
import type { Ground } from "./epochs";
import type { ConversationDetailWire, ConversationWire, MessageWire, Results } from "./wire";

const PAGE = 200;

export interface InboxEvents {
  /** Rows came, changed or went. */
  changed: (conversations: string[]) => void;
}

interface SyncWire {
  conversations: ConversationWire[];
  requests_changed_at: string | null;
  server_time: string;
}

export class Inbox {
  readonly rows = new Map<string, ConversationRow>();
  requestsChangedAt: string | null = null;
  /** Server time minus the clock here, in milliseconds: clocks on phones are wrong, and holds run out. */
  clockSkew = 0;
  readonly #ground: Ground;
  readonly #events: InboxEvents;
  #syncing: Promise<void> | null = null;
  #isDue = false;
  #closing: ReturnType<typeof setTimeout> | undefined;
  readonly #filling = new Map<string, Promise<void>>();

  constructor(ground: Ground, events: InboxEvents) {
    this.#ground = ground;
    this.#events = events;
  }

  async load(): Promise<void> {
    for (const row of await this.#ground.store.conversations()) this.rows.set(row.id, row);
    this.#events.changed([...this.rows.keys()]);
    this.#watchOwnEmergency();
  }

  /** One at a time; asked for while it runs, it runs once more. */
  async sync(): Promise<void> {
    this.#isDue = true;
    this.#syncing ??= this.#syncWhileDue().finally(() => (this.#syncing = null));
    return this.#syncing;
  }

  async #syncWhileDue(): Promise<void> {
    while (this.#isDue) {
      this.#isDue = false;
      const wire = await this.#ground.api.get<SyncWire>("/sync");
      this.clockSkew = Date.parse(wire.server_time) - Date.now();
      this.requestsChangedAt = wire.requests_changed_at;
      await this.#take(wire.conversations);
    }
  }

  async #take(wires: readonly ConversationWire[]): Promise<void> {
    const readable = new Set(wires.map(({ id }) => id));
    const gone = [...this.rows.keys()].filter((id) => !readable.has(id));
    for (const id of gone) {
      this.rows.delete(id);
      await this.#ground.store.dropConversation(id);
    }
    for (const wire of wires) await this.#put(rowOf(wire, this.rows.get(wire.id)));
    this.#events.changed([...gone, ...readable]);
    this.#watchOwnEmergency();
    const newestFirst = [...this.rows.values()].filter(({ have, lastSequence }) => have < lastSequence).sort(byLatest);
    for (const { id } of newestFirst) await this.fill(id);
  }

  /** What an emergency access opened is closed at its end also without a network; a sync brings it back if it is readable otherwise. */
  #watchOwnEmergency(): void {
    clearTimeout(this.#closing);
    const me = this.#ground.ring.person;
    const mine = [...this.rows.values()].flatMap(({ id, emergencies = [] }) =>
      emergencies.filter(({ person, ended_at }) => person === me && ended_at === null).map(({ ends_at }) => ({ id, at: Date.parse(ends_at) })),
    );
    const next = mine.sort((a, b) => a.at - b.at)[0];
    if (next) this.#closing = setTimeout(() => void this.#closeEmergency(next.id), Math.max(0, next.at - Date.now() - this.clockSkew));
  }

  async #closeEmergency(id: string): Promise<void> {
    await this.sync().catch(async (error: unknown) => {
      ifPassing(error);
      this.rows.delete(id);
      await this.#ground.store.dropConversation(id);
      this.#events.changed([id]);
    });
  }

  close(): void {
    clearTimeout(this.#closing);
  }

  async #put(row: ConversationRow): Promise<void> {
    this.rows.set(row.id, row);
    await this.#ground.store.putConversation(row);
  }

  /** Fetches what is missing of a conversation and says that it is here. */
  async fill(id: string): Promise<void> {
    const filling = this.#filling.get(id) ?? this.#fill(id).finally(() => this.#filling.delete(id));
    this.#filling.set(id, filling);
    return filling;
  }

  async #fill(id: string): Promise<void> {
    for (let row = this.rows.get(id); row && row.have < row.lastSequence; row = this.rows.get(id)) {
      const path = `/conversations/${id}/messages?after=${row.have}&limit=${PAGE}`;
      const { results, last_sequence } = await this.#ground.api.get<Results<MessageWire> & { last_sequence: number }>(path);
      if (results.length === 0) return;
      await this.#store({ ...row, lastSequence: Math.max(last_sequence, row.lastSequence) }, results);
    }
    const row = this.rows.get(id);
    if (row) await this.#sayDelivered(row);
  }

  /** A message from the socket, or the answer to one's own. A gap before it is fetched. */
  async receive(conversation: string, wire: MessageWire): Promise<void> {
    const row = this.rows.get(conversation);
    if (!row) return this.sync();
    if (wire.sequence <= row.have) return;
    const seen = { ...row, lastSequence: Math.max(row.lastSequence, wire.sequence), lastAt: wire.created_at };
    if (wire.sequence !== row.have + 1) {
      await this.#put(seen);
      return this.fill(conversation);
    }
    await this.#store(seen, [wire]);
    if (wire.person !== this.#ground.ring.person) await this.#sayDelivered({ ...seen, have: wire.sequence });
  }

  async #store(row: ConversationRow, wires: readonly MessageWire[]): Promise<void> {
    const messages = wires.map((wire) => messageOf(row.id, wire));
    // Contiguous from `have` on; a hole would hide messages for good.
    const contiguous = messages.filter(({ sequence }, i) => sequence === row.have + 1 + i);
    const latest = contiguous.at(-1);
    if (!latest) return;
    const present = this.rows.get(row.id) ?? row;
    const next = {
      ...row,
      read: present.read,
      deliveredToOthers: present.deliveredToOthers,
      have: latest.sequence,
      lastAt: latest.sequence >= row.lastSequence ? latest.createdAt : row.lastAt,
      lastDigest: await sha256(latest.h),
    };
    this.rows.set(row.id, next);
    await this.#ground.store.addMessages(contiguous, next);
    this.#events.changed([row.id]);
  }

  async #sayDelivered({ id, have }: ConversationRow): Promise<void> {
    if (have === 0) return;
    // Only a courtesy to the sender; the next sync says it again.
    await this.#ground.api.post(`/conversations/${id}/delivered`, { sequence: have }).catch(ifPassing);
  }

  async markRead(id: string): Promise<void> {
    const row = this.rows.get(id);
    if (!row || row.read >= row.have) return;
    await this.#put({ ...row, read: row.have });
    this.#events.changed([id]);
  }

  async delivered(id: string, sequence: number): Promise<void> {
    const row = this.rows.get(id);
    if (!row || sequence <= row.deliveredToOthers) return;
    await this.#put({ ...row, deliveredToOthers: sequence });
    this.#events.changed([id]);
  }

  async acknowledged(id: string, message: string, by: MessageRow["acknowledged"][number]): Promise<void> {
    const row = (await this.#ground.store.messages(id)).findLast((entry) => entry.id === message);
    if (!row || row.acknowledged.some(({ person }) => person === by.person)) return;
    await this.#ground.store.putMessage({ ...row, acknowledged: [...row.acknowledged, by] });
    this.#events.changed([id]);
  }

  async epochMade(id: string, epoch: number): Promise<void> {
    const row = this.rows.get(id);
    if (row && epoch > row.epoch) await this.#put({ ...row, epoch });
  }

  /** The conversation with its present recipients and receipts. */
  async detail(id: string): Promise<ConversationDetailWire> {
    const detail = await this.#ground.api.get<ConversationDetailWire>(`/conversations/${id}`);
    await this.epochMade(id, detail.epoch);
    const others = detail.receipts.filter(({ person }) => person !== this.#ground.ring.person);
    await this.delivered(id, Math.max(0, ...others.map(({ delivered_sequence }) => delivered_sequence)));
    return detail;
  }
}

export function byLatest(a: ConversationRow, b: ConversationRow): number {
  return (b.lastAt ?? "").localeCompare(a.lastAt ?? "");
}

function rowOf(wire: ConversationWire, known: ConversationRow | undefined): ConversationRow {
  const { id, kind, epoch, last_sequence, last_at, closed_at = null, members, awaited, request, emergencies } = wire;
  const own = { have: 0, read: 0, lastDigest: null, deliveredToOthers: 0 };
  const kept = known && { have: known.have, read: known.read, lastDigest: known.lastDigest, deliveredToOthers: known.deliveredToOthers };
  return {
    id,
    kind,
    members,
    awaited,
    closedAt: closed_at,
    request,
    emergencies,
    ...(kept ?? own),
    epoch: Math.max(epoch, known?.epoch ?? 0),
    lastSequence: Math.max(last_sequence, known?.lastSequence ?? 0),
    lastAt: last_at,
  };
}

function messageOf(conversation: string, wire: MessageWire): MessageRow {
  const { sequence, id, epoch, person, role, device, acknowledged } = wire;
  const bytes = { h: unb64u(wire.h), c: unb64u(wire.c), s: unb64u(wire.s) };
  const priority = wire.priority as Priority;
  return { conversation, sequence, id, epoch, person, role, device, priority, createdAt: wire.created_at, ...bytes, acknowledged };
}

function ifPassing(error: unknown): void {
  if (!(error instanceof ApiError)) throw error;
}
