/**
 * From a stored message to what the screen shows.
 *
 * Invariant: a body is shown only if a device of the named person signed it, unrevoked at the time; else its code is shown in its place.
 */
import { type Body, type Envelope, openMessage, parseBody, parseMessageHeader, ProtocolError, unb64u, verifyMessage } from "../crypto";
import type { ConversationRow, MessageRow, OutboxRow } from "../store";
import { ApiError } from "./api";
import type { Epochs, Ground } from "./epochs";
import type { MessageState, MessageView } from "./types";

export class Reading {
  readonly #ground: Ground;
  readonly #epochs: Epochs;
  /** Opened bodies live in memory only, and end with the lock. */
  readonly #bodies = new Map<string, { body: Body | null; problem: string | null }>();

  constructor(ground: Ground, epochs: Epochs) {
    this.#ground = ground;
    this.#epochs = epochs;
  }

  async view(row: MessageRow, conversation: ConversationRow): Promise<MessageView> {
    const opened = this.#bodies.get(placeOf(row)) ?? (await this.#open(row));
    const isOwn = row.person === this.#ground.ring.person;
    return {
      id: row.id,
      conversation: row.conversation,
      sequence: row.sequence,
      person: row.person,
      role: row.role,
      isOwn,
      priority: row.priority,
      at: row.createdAt,
      ...opened,
      state: stateOf(row, conversation),
      acknowledged: row.acknowledged,
      progress: null,
    };
  }

  async #open(row: MessageRow): Promise<{ body: Body | null; problem: string | null }> {
    try {
      const opened = { body: await this.#verifiedBody(row), problem: null };
      this.#bodies.set(placeOf(row), opened);
      return opened;
    } catch (error) {
      if (error instanceof ProtocolError || error instanceof ApiError) return { body: null, problem: error.code };
      throw error;
    }
  }

  async #verifiedBody(row: MessageRow): Promise<Body> {
    const header = parseMessageHeader(row.h);
    // What the server says beside the envelope must be what was signed: it decides the name and the place shown.
    const isAsSigned =
      header.id === row.id && header.conversation === row.conversation && header.epoch === row.epoch && header.by === row.person &&
      header.role === row.role && header.priority === row.priority;
    if (!isAsSigned) throw new ProtocolError("signature.invalid", "not the message it is said to be");
    await verifyMessage(row, await this.#ground.trust.deviceAt(header.device, header.by, header.at));
    const key = await this.#epochs.key(row.conversation, row.epoch);
    return parseBody(await openMessage(row, key));
  }

  /** A message of this person that is still waiting. */
  async waiting(row: OutboxRow, progress: number | null): Promise<MessageView> {
    const { h, c } = envelopeOf(row);
    const header = parseMessageHeader(h);
    const key = await this.#epochs.key(header.conversation, header.epoch).catch(() => null);
    const body = key && parseBody(await openMessage({ h, c }, key));
    return {
      id: header.id,
      conversation: header.conversation,
      sequence: null,
      person: header.by,
      role: header.role,
      isOwn: true,
      priority: header.priority,
      at: header.at,
      body,
      state: row.problem ? "refused" : "waiting",
      acknowledged: [],
      progress,
      problem: row.problem,
    };
  }
}

export function envelopeOf(row: OutboxRow): Envelope {
  const { envelope } = JSON.parse(row.body) as { envelope: { h: string; c: string; s: string } };
  return { h: unb64u(envelope.h), c: unb64u(envelope.c), s: unb64u(envelope.s) };
}

/** Not the id alone: the server may show an id in two places, and it was opened for one. */
function placeOf({ conversation, sequence, id }: MessageRow): string {
  return `${conversation} ${sequence} ${id}`;
}

function stateOf(row: MessageRow, conversation: ConversationRow): MessageState {
  if (row.acknowledged.some(({ person }) => person !== row.person)) return "acknowledged";
  return conversation.deliveredToOthers >= row.sequence ? "delivered" : "sent";
}
