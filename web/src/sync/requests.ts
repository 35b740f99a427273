/**
 * Bed requests and what is done to them.
 *
 * Invariant: a request leaves this device whole (every hospital's conversation, first epoch and note) or not at all, and waits in the outbox
 * like a message. A step on a candidate is never queued: by the time it arrived it would answer another state.
 */
import { b64u, openMessage, parseBody, ProtocolError, timestamp, unb64u } from "../crypto";
import type { OutboxRow } from "../store";
import { allPages, ApiError } from "./api";
import type { Board } from "./board";
import type { Epochs, Ground, SealedWire } from "./epochs";
import { Value } from "./observable";
import type { Outbox } from "./outbox";
import { Promises } from "./promises";
import { type EnvelopeWire, mendedEpoch, RETENTION, type Sending, wireOf } from "./sending";
import type { BedRequest, Candidate, CandidateAction, NewRequest, SignedWire } from "./types";

export interface ActDetails {
  /** The duty role acted in; by default the candidate's, where this person holds it. */
  role?: string | null;
  reason?: string;
  capacity?: string;
  bed?: string;
  holdMinutes?: number;
}

interface CandidateDraft {
  id: string;
  hospital: string;
  role: string;
  conversation: { id: string; epoch: SealedWire };
  message: EnvelopeWire | null;
  wave: number;
}

interface RequestDraft {
  id: string;
  role: string | null;
  urgency: NewRequest["urgency"];
  candidates: CandidateDraft[];
}

export class Requests {
  readonly open = new Value<BedRequest[]>([]);
  readonly promises: Promises;
  readonly #ground: Ground;
  readonly #epochs: Epochs;
  readonly #sending: Sending;
  readonly #outbox: () => Outbox;
  readonly #rolesHeld: () => readonly string[];
  readonly #board: Board;

  constructor(ground: Ground, epochs: Epochs, sending: Sending, outbox: () => Outbox, rolesHeld: () => readonly string[], board: Board, now: () => number) {
    this.#ground = ground;
    this.#board = board;
    this.promises = new Promises(ground, now);
    this.#epochs = epochs;
    this.#sending = sending;
    this.#outbox = outbox;
    this.#rolesHeld = rolesHeld;
  }

  async load(): Promise<void> {
    const { store, ring } = this.#ground;
    this.open.set((await store.snapshot<BedRequest[]>(ring.storeKey, "requests")) ?? []);
  }

  async refresh(): Promise<void> {
    await this.#show(await allPages<BedRequest>(this.#ground.api, "/requests?state=open"));
  }

  async #show(requests: BedRequest[]): Promise<void> {
    this.open.set(requests);
    await this.#ground.store.putSnapshot(this.#ground.ring.storeKey, "requests", requests);
  }

  /** One request with its history, and the list brought up to it. */
  async loadRequest(id: string): Promise<BedRequest> {
    const request = await this.#ground.api.get<BedRequest>(`/requests/${id}`);
    const others = this.open.value.filter((entry) => entry.id !== id);
    const all = request.closed_at === null ? [request, ...others] : others;
    await this.#show(all.sort((a, b) => b.created_at.localeCompare(a.created_at)));
    return request;
  }

  /** Seals the request for every hospital asked; returns its id once it is safe in the outbox. */
  async requestBed(wanted: NewRequest): Promise<string> {
    const id = crypto.randomUUID();
    const { category, capabilities, urgency, note, role = null } = wanted;
    const candidates = await Promise.all(
      wanted.hospitals.map(async ({ hospital, role: asked, wave = 1 }): Promise<CandidateDraft> => {
        const conversation = crypto.randomUUID();
        const members = [this.#ground.ring.person, asked, ...(role ? [role] : []), ...this.#leadsTo(asked)];
        const recipients = this.#ground.trust.membersWithArchives(members);
        const epoch = await this.#epochs.seal({ conversation, epoch: 1, prev: null, role, retention: RETENTION }, recipients);
        const message = note.trim() ? await this.#note(conversation, note, urgency, role) : null;
        return { id: crypto.randomUUID(), hospital, role: asked, conversation: { id: conversation, epoch }, message, wave };
      }),
    );
    const clear = { category, capabilities, urgency, age_band: wanted.ageBand, sex: wanted.sex, transport_mode: wanted.transportMode };
    const body = JSON.stringify({ id, role, ...clear, wave_interval: wanted.waveInterval ?? null, candidates });
    const base = { path: "/requests", madeAt: timestamp(), attachments: [], problem: null };
    await this.#outbox().add({ ...base, id, key: id, kind: "request", conversation: null, body });
    return id;
  }

  /** Who will be alarmed if nobody answers: they can open what is sealed once the server lets them in. */
  #leadsTo(asked: string): string[] {
    return this.#board.hospitals.value.flatMap(({ roles }) => roles).find(({ role }) => role === asked)?.escalates_to ?? [];
  }

  async #note(conversation: string, text: string, urgency: NewRequest["urgency"], role: string | null): Promise<EnvelopeWire> {
    const priority = urgency === "stat" ? "stat" : urgency === "routine" ? "normal" : "urgent";
    const place = { conversation, epoch: 1, prev: null };
    return wireOf(await this.#sending.sealAt(place, crypto.randomUUID(), { t: "text", text }, { priority, role }));
  }

  /** The request with the recipients or the retention class the server names. Null if the refusal was about something else. */
  async reseal(row: OutboxRow, refusal: ApiError): Promise<OutboxRow | null> {
    const mended = mendedEpoch(refusal);
    if (row.kind !== "request" || !mended) return null;
    const draft = JSON.parse(row.body) as RequestDraft;
    for (const candidate of draft.candidates) {
      // A refusal of recipients is about the one conversation whose asked role is among them.
      const concerned = !mended.recipients || mended.recipients.some(([principal]) => principal === candidate.role);
      if (concerned) await this.#resealOne(draft, candidate, mended);
    }
    // Another body is another request to the server: it needs another key.
    return { ...row, key: crypto.randomUUID(), body: JSON.stringify(draft) };
  }

  async #resealOne(draft: RequestDraft, candidate: CandidateDraft, mended: NonNullable<ReturnType<typeof mendedEpoch>>): Promise<void> {
    const { id } = candidate.conversation;
    const header = await this.#epochs.header(id, 1);
    const recipients = await this.#ground.trust.recipients(mended.recipients ?? header.to.map(([principal, kid]) => [principal, b64u(kid)]));
    const note = candidate.message && (await this.#openNote(id, candidate.message));
    const retention = mended.retention ?? header.retention;
    candidate.conversation.epoch = await this.#epochs.seal({ conversation: id, epoch: 1, prev: null, role: draft.role, retention }, recipients);
    candidate.message = note === null ? null : await this.#note(id, note, draft.urgency, draft.role);
  }

  async #openNote(conversation: string, { h, c }: EnvelopeWire): Promise<string> {
    const body = parseBody(await openMessage({ h: unb64u(h), c: unb64u(c) }, await this.#epochs.key(conversation, 1)));
    if (body.t !== "text") throw new ProtocolError("message.unreadable", "note");
    return body.text;
  }

  /** The conversation with a hospital that software asked: begun here, or the one that the other side was first to begin. */
  async begin({ id }: Candidate): Promise<string> {
    const { request, candidate } = this.#shown({ id });
    if (candidate.conversation) return candidate.conversation;
    const conversation = crypto.randomUUID();
    const role = this.#roleFor(candidate, undefined);
    const answering = [request.role, candidate.role, ...candidate.alarms.map((alarm) => alarm.role), ...this.#leadsTo(candidate.role)];
    const members = [...new Set(answering.filter((each) => each !== null))];
    try {
      const { api, trust } = this.#ground;
      await this.#sending.begin({ conversation, role }, trust.membersWithArchives(members), (epoch) =>
        api.post(`/candidates/${id}/conversation`, { id: conversation, epoch, role }),
      );
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== "candidate.conversation_begun") throw error;
      await this.refresh();
      return String(error.body["conversation"]);
    }
    await this.refresh();
    return conversation;
  }

  async act(candidate: Candidate, action: CandidateAction, details: ActDetails = {}): Promise<Candidate> {
    try {
      const role = this.#roleFor(candidate, details.role);
      const body = { role, reason: details.reason, ...(await this.#signed(candidate, action, role, details)) };
      const moved = await this.#ground.api.post<Candidate>(`/candidates/${candidate.id}/${action}`, body);
      this.#replace(moved);
      return moved;
    } finally {
      // After a refusal too: it means the state shown was not the state there. Shown when it comes.
      void this.refresh().catch(onlyApi);
    }
  }

  /** What a hold and a confirm have to have signed by this device. */
  async #signed(candidate: Candidate, action: CandidateAction, role: string | null, details: ActDetails): Promise<{ offer?: SignedWire; acceptance?: SignedWire }> {
    if (action === "confirm") {
      if (!this.#shown(candidate).candidate.offer) await this.refresh();
      const shown = this.#shown(candidate);
      return { acceptance: await this.promises.acceptance(shown.request, shown.candidate, role) };
    }
    if (action !== "hold") return {};
    const unit = this.#board.hospitals.value.flatMap(({ units }) => units).find(({ capacity }) => capacity === details.capacity);
    if (!unit) throw gone();
    const bed = { unit, bed: details.bed ?? null, minutes: details.holdMinutes ?? 30 };
    return { offer: await this.promises.offer(this.#shown(candidate).request, candidate, role ?? candidate.role, bed) };
  }

  /** Whether a bed was promised in this conversation and the patient has not arrived. */
  isPromised(conversation: string): boolean {
    const here = this.open.value.flatMap(({ candidates }) => candidates).filter((each) => each.conversation === conversation);
    return here.some(({ state }) => state === "confirmed" || state === "transport-arranged" || state === "in-transit");
  }

  #shown({ id }: Pick<Candidate, "id">): { request: BedRequest; candidate: Candidate } {
    for (const request of this.open.value) {
      const candidate = request.candidates.find((each) => each.id === id);
      if (candidate) return { request, candidate };
    }
    throw gone();
  }

  #roleFor(candidate: Candidate, asked: string | null | undefined): string | null {
    if (asked !== undefined) return asked;
    const request = this.open.value.find(({ candidates }) => candidates.some(({ id }) => id === candidate.id));
    const alarmed = candidate.alarms.map(({ role }) => role);
    return [candidate.role, ...alarmed, request?.role ?? ""].find((role) => this.#rolesHeld().includes(role)) ?? null;
  }

  #replace(moved: Candidate): void {
    this.open.set(
      this.open.value.map((request) => ({ ...request, candidates: request.candidates.map((each) => (each.id === moved.id ? { ...each, ...moved } : each)) })),
    );
  }

  async cancelRequest(request: BedRequest, reason: string): Promise<void> {
    const role = request.role && this.#rolesHeld().includes(request.role) ? request.role : null;
    await this.#ground.api.post(`/requests/${request.id}/cancel`, { reason, role });
    await this.refresh();
  }
}

/** What is no longer there to be acted on. */
function gone(): ApiError {
  return new ApiError(404, { code: "candidate.wrong_state", detail: "" });
}

function onlyApi(error: unknown): void {
  if (!(error instanceof ApiError)) throw error;
}
