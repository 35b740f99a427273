/**
 * The whole of the client as the screens see it (web/README.md).
 *
 * Invariant: the stores are the same objects for the life of the page; locking empties them, because what they showed was opened with keys
 * that are gone.
 */
import { fingerprint, type RevocationReason } from "../crypto";
import { type AccountRow, type DeviceRow, LocalStore } from "../store";
import { Api, ApiError } from "./api";
import { acceptLink, type Enrolled, type InvitationLook, join, lookAtInvitation } from "./enrolment";
import { watchIdle } from "./idle";
import { Keyring } from "./keyring";
import { Value } from "./observable";
import type { Address } from "./office";
import { onlyApi, OpenedSession } from "./opened";
import { enablePush } from "./push";
import type { ActDetails } from "./requests";
import type { Photo, SendOptions } from "./sending";
import type {
  BedRequest, BoardHospital, BoardUnit, Candidate, CandidateAction, CandidateState, Connection, ConversationView, DeviceInfo, DirectoryView, Duty,
  MessageView, NewRequest, PendingMember, Readable, SessionState,
} from "./types";
import { ownerOf, unlock } from "./unlocking";
import type { IdentityBody } from "../crypto";
import type { SessionWire } from "./wire";

type Refreshable = "board" | "duty" | "requests" | "pendingMembers" | "devices" | "directory";

const PENDING_POLL_MS = 5_000;
const LOCKED_OUT = ["device.revoked", "membership.ended"];
/** From the promise on, the hospital may know who comes. */
const PROMISED: readonly CandidateState[] = ["confirmed", "transport-arranged", "in-transit", "arrived"];
const NOBODY: SessionState = {
  phase: "loading", person: null, device: null, hospital: null, hospitalName: "", isRegistrar: false, rolesOnDuty: [], fingerprint: null,
  idleLockSeconds: 0, expiresAt: null, reason: null,
};

export class Wardline {
  readonly #session = new Value<SessionState>(NOBODY);
  readonly #connection = new Value<Connection>("offline");
  readonly #waiting = new Value(0);
  readonly #directory = new Value<DirectoryView>({ hospitals: [], people: [], roles: [] });
  readonly #conversations = new Value<ConversationView[]>([]);
  readonly #requests = new Value<BedRequest[]>([]);
  readonly #board = new Value<BoardHospital[]>([]);
  readonly #duty = new Value<Duty[]>([]);
  readonly #pendingMembers = new Value<PendingMember[]>([]);
  readonly #devices = new Value<DeviceInfo[]>([]);
  readonly session: Readable<SessionState> = this.#session;
  readonly connection: Readable<Connection> = this.#connection;
  readonly waiting: Readable<number> = this.#waiting;
  readonly directory: Readable<DirectoryView> = this.#directory;
  readonly conversations: Readable<ConversationView[]> = this.#conversations;
  readonly requests: Readable<BedRequest[]> = this.#requests;
  readonly board: Readable<BoardHospital[]> = this.#board;
  readonly duty: Readable<Duty[]> = this.#duty;
  readonly pendingMembers: Readable<PendingMember[]> = this.#pendingMembers;
  readonly devices: Readable<DeviceInfo[]> = this.#devices;

  readonly #api = new Api();
  #store: LocalStore | null = null;
  #opened: OpenedSession | null = null;
  #pendingRing: Keyring | null = null;
  #ends: (() => void)[] = [];

  constructor() {
    this.#api.onSignedOut = (code) => this.#signedOut(code);
  }

  // --- getting in

  async start(): Promise<void> {
    this.#store ??= await LocalStore.open();
    const account = await this.#store.account();
    if (!account) return this.#session.set({ ...NOBODY, phase: "new" });
    this.#session.set({ ...NOBODY, ...shownLocked(account), phase: "locked" });
  }

  lookAtInvitation(address: string): Promise<InvitationLook> {
    return lookAtInvitation(this.#api, address);
  }

  async join(address: string, label: string): Promise<{ recoveryCode: string; fingerprint: string }> {
    const enrolled = await join(this.#api, address, label);
    const ring = await this.#enrolled(enrolled);
    return { recoveryCode: enrolled.recoveryCode ?? "", fingerprint: await fingerprintOf(ring) };
  }

  async acceptLink(address: string, label: string): Promise<void> {
    await this.#enrolled(await acceptLink(this.#api, address, label));
  }

  async unlock(): Promise<void> {
    await this.#unlock(null);
  }

  async recover(code: string): Promise<void> {
    await this.#unlock(code);
  }

  lock(): void {
    this.#lock(null);
  }

  async signOut(): Promise<void> {
    await this.#api.delete("/session");
    this.#lock(null);
  }

  /** Forgets this device. The server keeps it until it is revoked. */
  async wipe(): Promise<void> {
    this.#lock(null);
    await this.#store?.wipe();
    this.#session.set({ ...NOBODY, phase: "new" });
  }

  async #enrolled({ device, account, seed, generation, session }: Enrolled): Promise<Keyring> {
    this.#lock(null);
    // Another person's ciphertext has no business on what is now this person's device.
    const store = (this.#store ??= await LocalStore.open());
    await store.wipe();
    await store.enrol(device, account);
    const ring = await Keyring.of(ownerOf(device, account), seed, generation, []);
    await this.#enter(ring, session);
    return ring;
  }

  async #unlock(code: string | null): Promise<void> {
    const { device, account } = await this.#own();
    const { session, ring } = await unlock(this.#api, device, account, code);
    await this.#enter(ring, session);
  }

  async #own(): Promise<{ store: LocalStore; device: DeviceRow; account: AccountRow }> {
    const store = (this.#store ??= await LocalStore.open());
    const [device, account] = await Promise.all([store.device(), store.account()]);
    if (!device || !account) throw new ApiError(0, { code: "device.unknown", detail: "" });
    return { store, device, account };
  }

  async #enter(ring: Keyring, wire: SessionWire): Promise<void> {
    const { store, account } = await this.#own();
    this.#close();
    await store.putAccount({ ...account, idleLockSeconds: wire.idle_lock_seconds });
    const shown = { ...shownLocked(account), device: ring.device, fingerprint: await fingerprintOf(ring) };
    const times = { idleLockSeconds: wire.idle_lock_seconds, expiresAt: wire.expires_at };
    this.#session.set({ ...NOBODY, ...shown, ...times, phase: wire.state === "active" ? "loading" : "pending" });
    this.#watch(wire);
    if (wire.state === "active") await this.#open(ring);
    else this.#await(ring);
  }

  /** Waits for the registrar. */
  #await(ring: Keyring): void {
    this.#pendingRing = ring;
    const look = async () => {
      const wire = await this.#api.get<SessionWire>("/session");
      if (wire.state === "active" && this.#pendingRing === ring) await this.#enter(ring, wire);
    };
    const ticking = setInterval(() => void look().catch(onlyApi), PENDING_POLL_MS);
    this.#ends.push(() => clearInterval(ticking));
  }

  #watch({ idle_lock_seconds, expires_at }: SessionWire): void {
    if (idle_lock_seconds > 0) this.#ends.push(watchIdle(idle_lock_seconds, () => this.#lock("idle")));
    if (!expires_at) return;
    const expiring = setTimeout(() => this.#lock("expired"), Math.min(Date.parse(expires_at) - Date.now(), 2 ** 31 - 1));
    this.#ends.push(() => clearTimeout(expiring));
  }

  async #open(ring: Keyring): Promise<void> {
    const { store, account } = await this.#own();
    const opened = new OpenedSession(this.#api, store, ring, account, () => this.#signedOut(""));
    this.#opened = opened;
    this.#ends.push(
      () => opened.close(),
      forward(opened.live.connection, this.#connection),
      forward(opened.outbox.count, this.#waiting),
      forward(opened.conversations.list, this.#conversations),
      forward(opened.requests.open, this.#requests),
      forward(opened.requests.board, this.#board),
      forward(opened.office.duty, this.#duty),
      forward(opened.office.pending, this.#pendingMembers),
      forward(opened.office.devices, this.#devices),
      forward(opened.ground.trust.view, this.#directory),
      opened.office.duty.subscribe(() => this.#session.update({ rolesOnDuty: opened.office.rolesHeld() })),
      opened.ground.trust.view.subscribe((view) => void this.#named(view, opened)),
    );
    await opened.load();
    if (this.#opened !== opened) return;
    this.#session.update({ phase: "open", reason: null });
    opened.live.open();
  }

  /** The directory has come: the hospital's name for the unlock screen, and whether this person is a registrar. */
  async #named(view: DirectoryView, opened: OpenedSession): Promise<void> {
    const hospital = view.hospitals.find(({ id }) => id === opened.ground.ring.hospital);
    if (!hospital || this.#opened !== opened) return;
    this.#session.update({ hospitalName: hospital.name, isRegistrar: opened.isRegistrar });
    const { store, account } = await this.#own();
    if (account.hospitalName !== hospital.name) await store.putAccount({ ...account, hospitalName: hospital.name });
  }

  /** The server no longer knows this sign-in. Whoever was locked out for good has nothing left on the device either. */
  #signedOut(code: string): void {
    const isForGood = LOCKED_OUT.includes(code);
    const wasIn = this.#opened !== null || this.#pendingRing !== null;
    this.#lock(isForGood ? "revoked" : "expired");
    if (isForGood) void this.wipe().then(() => this.#session.update({ reason: "revoked" }));
    else if (wasIn) void this.#askWhy().catch(onlyApi);
  }

  async #askWhy(): Promise<void> {
    const { lapse } = await this.#api.get<SessionWire>("/session");
    if (lapse && LOCKED_OUT.includes(lapse)) this.#signedOut(lapse);
  }

  #lock(reason: SessionState["reason"]): void {
    const wasIn = this.#opened !== null || this.#pendingRing !== null;
    this.#close();
    if (!wasIn) return;
    const { person, hospital, hospitalName, idleLockSeconds } = this.#session.value;
    this.#session.set({ ...NOBODY, person, hospital, hospitalName, idleLockSeconds, phase: "locked", reason });
  }

  #close(): void {
    for (const end of this.#ends) end();
    this.#ends = [];
    this.#opened = null;
    this.#pendingRing = null;
    this.#connection.set("offline");
    this.#waiting.set(0);
    this.#directory.set({ hospitals: [], people: [], roles: [] });
    for (const list of [this.#conversations, this.#requests, this.#board, this.#duty, this.#pendingMembers, this.#devices]) list.set([]);
  }

  get #in(): OpenedSession {
    if (!this.#opened) throw new ApiError(401, { code: "session.locked", detail: "" });
    return this.#opened;
  }

  // --- reading

  messages(conversation: string): Readable<MessageView[]> {
    return this.#opened?.conversations.messages(conversation) ?? new Value<MessageView[]>([]);
  }

  async openImage(message: MessageView): Promise<Blob> {
    return this.#in.conversations.openImage(message);
  }

  async markRead(conversation: string): Promise<void> {
    await this.#in.inbox.markRead(conversation);
  }

  /** Milliseconds to add to the clock here to have the server's: holds and clocks run by that one. */
  get clockSkew(): number {
    return this.#opened?.inbox.clockSkew ?? 0;
  }

  async refresh(what: Refreshable): Promise<void> {
    const { requests, office } = this.#in;
    const all: Record<Refreshable, () => Promise<void>> = {
      board: () => requests.refreshBoard(),
      requests: () => requests.refresh(),
      duty: () => office.refreshDuty(),
      devices: () => office.refreshDevices(),
      pendingMembers: () => office.refreshPending(),
      directory: () => this.#in.refreshDirectory(),
    };
    await all[what]();
  }

  // --- writing

  async sendText(conversation: string, text: string, options: SendOptions = {}): Promise<string> {
    return this.#in.sending.send(conversation, { t: "text", text }, options);
  }

  async sendImage(conversation: string, photo: Photo, options: SendOptions & { caption?: string } = {}): Promise<string> {
    const { caption = "", ...rest } = options;
    return this.#in.sending.sendImage(conversation, photo, caption, rest);
  }

  /** Throws `ApiError` `identity.not_confirmed` where the hospital has not promised the bed, or is not asked for one. */
  async sendIdentity(conversation: string, identity: Omit<IdentityBody, "t">): Promise<string> {
    const candidate = this.#requests.value.flatMap(({ candidates }) => candidates).find((each) => each.conversation === conversation);
    if (!candidate || !PROMISED.includes(candidate.state)) throw new ApiError(409, { code: "identity.not_confirmed", detail: "" });
    return this.#in.sending.send(conversation, { t: "identity", ...identity }, {});
  }

  async acknowledge(message: MessageView, role?: string | null): Promise<void> {
    return this.#in.acknowledge(message, role);
  }

  async startDirect(person: string): Promise<string> {
    return this.#in.sending.startDirect(person);
  }

  async retry(message: MessageView): Promise<void> {
    return this.#in.outbox.retry(message.id);
  }

  async discard(message: MessageView): Promise<void> {
    return this.#in.outbox.discard(message.id);
  }

  // --- beds

  async requestBed(wanted: NewRequest): Promise<string> {
    return this.#in.requests.requestBed(wanted);
  }

  async loadRequest(id: string): Promise<BedRequest> {
    return this.#in.requests.loadRequest(id);
  }

  async act(candidate: Candidate, action: CandidateAction, details: ActDetails = {}): Promise<Candidate> {
    return this.#in.requests.act(candidate, action, details);
  }

  async cancelRequest(request: BedRequest, reason: string): Promise<void> {
    return this.#in.requests.cancelRequest(request, reason);
  }

  async setCapacity(unit: BoardUnit, figures: Pick<BoardUnit, "staffed" | "occupied" | "blocked">): Promise<BoardUnit> {
    return this.#in.requests.setCapacity(unit, figures);
  }

  // --- duty, devices, registrar

  async takeDuty(role: string, until?: string): Promise<void> {
    return this.#in.office.takeDuty(role, until);
  }

  async handOver(role: string, person: string, until?: string): Promise<void> {
    return this.#in.office.handOver(role, person, until);
  }

  async makeLink(): Promise<Address> {
    return this.#in.office.makeLink();
  }

  async createInvitation(member: { name: string; title: string; profession: string }): Promise<Address> {
    return this.#in.office.createInvitation(member);
  }

  async approveMember(person: string): Promise<void> {
    return this.#in.office.approveMember(person);
  }

  async endMembership(person: string): Promise<void> {
    return this.#in.office.endMembership(person);
  }

  async revokeDevice(device: string, reason: RevocationReason): Promise<void> {
    return this.#in.office.revokeDevice(device, reason);
  }

  enablePush(): Promise<void> {
    return enablePush(this.#api);
  }
}

function shownLocked({ person, hospital, hospitalName, idleLockSeconds }: AccountRow) {
  return { person, hospital, hospitalName, idleLockSeconds };
}

function fingerprintOf({ own }: Keyring): Promise<string> {
  return fingerprint(own.kem.publicKey, own.sign.publicKey);
}

function forward<T>(from: Readable<T>, to: Value<T>): () => void {
  return from.subscribe((value) => to.set(value));
}
