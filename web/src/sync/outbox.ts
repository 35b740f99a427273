/**
 * What is on its way to the server.
 *
 * Invariant: a thing is in the store before `add` returns and leaves it only when the server has it or the person discards it. Every attempt
 * sends the identical bytes under the same key, so nothing is lost and nothing is there twice.
 */
import { CHUNK_BYTES, ProtocolError } from "../crypto";
import type { LocalStore, OutboxRow, UploadRow } from "../store";
import { type Api, ApiError } from "./api";
import { Value } from "./observable";

export interface OutboxEvents {
  sent: (row: OutboxRow, answer: unknown) => Promise<void>;
  changed: (conversation: string | null) => void;
  /** The row again, made anew for a refusal that a new envelope mends; null if it cannot. */
  mend: (row: OutboxRow, refusal: ApiError) => Promise<OutboxRow | null>;
}

const SEALED_CHUNK = CHUNK_BYTES + 16;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 30_000;
const MENDS = 3;

export class Outbox {
  readonly count = new Value(0);
  readonly progress = new Map<string, number>();
  rows: OutboxRow[] = [];
  readonly #api: Api;
  readonly #store: LocalStore;
  readonly #events: OutboxEvents;
  /** Images go their own way: text written after a photograph must not wait for it. */
  readonly #running = { light: false, heavy: false };
  #pause = FIRST_PAUSE_MS;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  constructor(api: Api, store: LocalStore, events: OutboxEvents) {
    this.#api = api;
    this.#store = store;
    this.#events = events;
  }

  async load(): Promise<void> {
    this.rows = await this.#store.outbox();
    this.#count();
  }

  async add(row: OutboxRow, upload?: UploadRow): Promise<void> {
    const kept = await this.#store.putOutbox(row, upload);
    this.rows.push(kept); // not before the wait: another row may have left meanwhile, with an array of its own
    this.#changed(row);
    this.flush();
  }

  async retry(id: string): Promise<void> {
    const row = this.rows.find((entry) => entry.id === id);
    if (row) await this.#replace(row, { ...row, problem: null });
    this.flush();
  }

  async discard(id: string): Promise<void> {
    const row = this.rows.find((entry) => entry.id === id);
    if (row) await this.#drop(row);
  }

  /** Tries now. Safe to call at any time. */
  flush(): void {
    clearTimeout(this.#timer);
    void this.#run("light");
    void this.#run("heavy");
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  async #run(lane: "light" | "heavy"): Promise<void> {
    if (this.#running[lane]) return;
    this.#running[lane] = true;
    try {
      for (let row = this.#next(lane); row && !this.#isClosed; row = this.#next(lane)) await this.#deliver(row);
      this.#pause = FIRST_PAUSE_MS;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#later();
    } finally {
      this.#running[lane] = false;
    }
  }

  #next(lane: "light" | "heavy"): OutboxRow | undefined {
    const unmade = new Set(this.rows.filter((row) => row.kind === "request").flatMap((row) => conversationsOf(row)));
    return this.rows.find((row) => {
      const isHeavy = row.attachments.length > 0;
      const waitsForRequest = isHeavy && row.conversation !== null && unmade.has(row.conversation);
      return row.problem === null && isHeavy === (lane === "heavy") && !waitsForRequest;
    });
  }

  #later(): void {
    if (this.#isClosed) return;
    clearTimeout(this.#timer);
    // Spread out, so that a ward coming back from a dead spot does not knock all at once.
    this.#timer = setTimeout(() => this.flush(), this.#pause * (0.5 + Math.random()));
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE_MS);
  }

  /** Throws `ApiError` when trying again later may help. */
  async #deliver(first: OutboxRow): Promise<void> {
    let row = first;
    for (let mends = 0; ; mends++) {
      try {
        for (const id of row.attachments) await this.#upload(id, row);
        const answer = await this.#api.postText(row.path, row.body, row.key);
        await this.#events.sent(row, answer);
        return await this.#drop(row);
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        if (error.isPassing || error.status === 401) throw error;
        const mended = mends < MENDS ? await this.#mended(row, error) : { ...row, problem: error.code };
        row = await this.#replace(row, mended);
        if (row.problem !== null) return;
      }
    }
  }

  /** The row mended, or with its problem: what the protocol refuses will not be better for trying again. */
  async #mended(row: OutboxRow, refusal: ApiError): Promise<OutboxRow> {
    try {
      return (await this.#events.mend(row, refusal)) ?? { ...row, problem: refusal.code };
    } catch (error) {
      if (error instanceof ProtocolError) return { ...row, problem: error.code };
      throw error;
    }
  }

  async #upload(id: string, row: OutboxRow): Promise<void> {
    const upload = await this.#store.upload(id);
    if (!upload) return;
    const { conversation, size, sha256, ciphertext } = upload;
    // Announced again it answers with what has arrived; under a fresh key, for the first answer would be the old one.
    const there = await this.#api.post<{ chunks: number[]; is_complete: boolean }>("/attachments", { id, conversation, size, sha256 });
    if (there.is_complete) return;
    const chunks = Math.ceil(size / SEALED_CHUNK);
    const have = new Set(there.chunks);
    for (let n = 0; n < chunks; n++) {
      // Locked meanwhile: the rest goes up after unlocking.
      if (this.#isClosed) throw new ApiError(0, { code: "session.locked", detail: "" });
      if (!have.has(n)) await this.#api.putBytes(`/attachments/${id}/chunks/${n}`, ciphertext.slice(n * SEALED_CHUNK, (n + 1) * SEALED_CHUNK));
      this.progress.set(row.id, (n + 1) / chunks);
      this.#events.changed(row.conversation);
    }
    await this.#api.post(`/attachments/${id}/complete`);
  }

  async #replace(row: OutboxRow, by: OutboxRow): Promise<OutboxRow> {
    const kept = await this.#store.putOutbox(by);
    this.rows = this.rows.map((entry) => (entry.id === row.id ? kept : entry));
    this.#changed(kept);
    return kept;
  }

  async #drop(row: OutboxRow): Promise<void> {
    await this.#store.dropOutbox(row);
    this.rows = this.rows.filter((entry) => entry.id !== row.id);
    this.progress.delete(row.id);
    this.#changed(row);
  }

  #changed(row: OutboxRow): void {
    this.#count();
    this.#events.changed(row.conversation);
  }

  #count(): void {
    this.count.set(this.rows.filter(({ problem }) => problem === null).length);
  }
}

function conversationsOf(row: OutboxRow): string[] {
  const { candidates } = JSON.parse(row.body) as { candidates: { conversation: { id: string } }[] };
  return candidates.map(({ conversation }) => conversation.id);
}
