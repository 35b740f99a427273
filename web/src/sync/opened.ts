/**
 * An unlocked session: its parts, tied together.
 *
 * Invariant: it lives from unlocking to locking. `close` ends every timer, socket and watch it started, and with it go keys and opened bodies.
 */
import { type Bytes, ProtocolError, type RevocationReason } from "../crypto";
import type { AccountRow, LocalStore, OutboxRow } from "../store";
import { type Api, ApiError } from "./api";
import { Audit } from "./audit";
import { Board } from "./board";
import { Conversations } from "./conversations";
import { Emergencies } from "./emergencies";
import { Epochs, type Ground } from "./epochs";
import { House } from "./house";
import { Inbox } from "./inbox";
import type { Keyring } from "./keyring";
import { Live, type LiveEvent } from "./live";
import { loadedOnce } from "./loaded-once";
import { Numbers } from "./numbers";
import { Office } from "./office";
import { Outbox } from "./outbox";
import { Reading } from "./reading";
import { Registry } from "./registry";
import { Requests } from "./requests";
import { Rosters } from "./rosters";
import { Sending } from "./sending";
import { Shifts } from "./shifts";
import { SignIns } from "./sign-ins";
import { Trust } from "./trust";
import { Value } from "./observable";
import type { KeyRenewal, MessageView, RestorationView } from "./types";
import { Vouching } from "./vouching";
import type { MessageWire } from "./wire";

const DIRECTORY_AGE_MS = 10 * 60 * 1000;

export class OpenedSession {
  readonly ground: Ground;
  readonly inbox: Inbox;
  readonly outbox: Outbox;
  readonly sending: Sending;
  readonly conversations: Conversations;
  readonly requests: Requests;
  readonly board: Board;
  readonly office: Office;
  readonly vouching: Vouching;
  readonly numbers: Numbers;
  readonly audit: Audit;
  readonly registry: Registry;
  readonly house: House;
  readonly rosters: Rosters;
  readonly signIns: SignIns;
  readonly emergencies: Emergencies;
  readonly live: Live;
  readonly #shifts: Shifts;
  #directoryAt = 0;
  readonly renewing = new Value<KeyRenewal | null>(null);
  /** The registrar's work on duty roles; loaded when it is needed. */
  readonly roles = loadedOnce(async () => new (await import("./roles")).Roles(this.ground));
  /** Loaded for who lets the hospital's software in. */
  readonly software = loadedOnce(async () => new (await import("./software")).Software(this.ground.api));
  /** The renewal of the own key after a lost device; loaded for whom that concerns. */
  readonly renewal = loadedOnce(async () => new (await import("./renewal")).Renewal(this.ground, this.renewing, () => this.#renewed()));
  readonly restorations = new Value<RestorationView[]>([]);
  readonly #root: Bytes;
  /** The hospital's recovery officers; loaded where it names any, and for who is about to. */
  readonly deposits = loadedOnce(async () => new (await import("./deposits")).Deposits(this.ground, this.#root, this.restorations));

  constructor(api: Api, store: LocalStore, ring: Keyring, account: AccountRow, onSignedOut: () => void) {
    this.#root = rootOf(account);
    const trust = new Trust(api, store, new Map(account.pins), ring);
    this.ground = { api, store, ring, trust };
    const epochs = new Epochs(this.ground);
    const rolesHeld = () => this.office.rolesHeld();
    const outbox = () => this.outbox;
    this.inbox = new Inbox(this.ground, { changed: (ids) => this.conversations.changed(ids) });
    this.sending = new Sending(this.ground, epochs, this.inbox, outbox, rolesHeld, (conversation) => this.requests.isPromised(conversation));
    this.conversations = new Conversations(this.ground, this.inbox, outbox, new Reading(this.ground, epochs), (id) => this.#opened(id));
    const now = () => Date.now() + this.inbox.clockSkew;
    this.board = new Board(this.ground, now);
    this.requests = new Requests(this.ground, epochs, this.sending, outbox, rolesHeld, this.board, now);
    this.office = new Office(this.ground, this.#root, () => this.conversations.allChanged());
    this.#shifts = new Shifts(this.office.duty, now, () => this.#changeShift(now()));
    this.vouching = new Vouching(this.ground);
    this.numbers = new Numbers(this.ground);
    this.audit = new Audit(api, ring.hospital);
    this.signIns = new SignIns(api);
    this.registry = new Registry(api);
    this.house = new House(this.ground, this.#root);
    this.rosters = new Rosters(api);
    this.emergencies = new Emergencies(api, this.inbox);
    this.outbox = new Outbox(api, store, {
      sent: (row, answer) => this.#sent(row, answer),
      changed: (id) => this.conversations.changed(id ? [id] : []),
      mend: async (row, refusal) => (await this.sending.reseal(row, refusal)) ?? this.requests.reseal(row, refusal),
    });
    this.live = new Live({ resync: () => this.resync(), event: (event) => this.#hear(event), signedOut: onSignedOut });
  }

  /** What the device has, without the network. */
  async load(): Promise<void> {
    const { store, ring, trust } = this.ground;
    await store.carryOver(ring.formerStoreKeys, ring.storeKey);
    await trust.load();
    await Promise.all([this.office.load(), this.requests.load(), this.board.load(), this.numbers.load(), this.outbox.load()]);
    await this.inbox.load();
  }

  close(): void {
    this.#shifts.close();
    this.live.close();
    this.inbox.close();
    this.outbox.close();
  }

  /** Everything that may have changed. Statements and duty first: without them new epochs do not open. */
  async resync(): Promise<void> {
    // Who waits for a registrar's signature looks each time: the bell may have rung while there was no socket.
    const isDirectoryOld = Date.now() - this.#directoryAt > DIRECTORY_AGE_MS || this.renewing.value?.stage === "waiting";
    if (isDirectoryOld) await this.refreshDirectory();
    await this.office.refreshDuty();
    this.outbox.flush();
    const board = this.live.isWatchingBoard ? this.board.refresh() : this.board.refreshIfOld();
    await Promise.all([this.inbox.sync(), this.requests.refresh(), board]);
    if (isDirectoryOld) this.conversations.allChanged();
    if (isDirectoryOld) this.#keepHouse();
    if (isDirectoryOld) this.#renewRoles();
    if (isDirectoryOld && this.isRegistrar) this.office.signOwedRevocations().catch(onlyApi);
  }

  /** Who is eligible may have changed: what is on the screen gets its next epoch, the others when they are opened. */
  #keepHouse(): void {
    for (const id of this.conversations.watched()) this.#opened(id);
  }

  /** By itself: whoever has left a role is shut out without anybody having to think of it. */
  #renewRoles(): void {
    if (this.isRegistrar) this.roles().then((roles) => roles.renewDue()).catch(onlyHousekeeping);
  }

  async refreshDirectory(): Promise<void> {
    await this.ground.trust.refresh();
    this.#directoryAt = Date.now();
    this.#watchKey();
    this.#watchDeposit();
  }

  #watchDeposit(): void {
    const { trust, ring } = this.ground;
    const isNamed = trust.directory.latest("recovery", ring.hospital) !== null;
    if (isNamed) this.deposits().then((deposits) => deposits.keep()).catch(onlyHousekeeping);
  }

  #watchKey(): void {
    const { trust, ring } = this.ground;
    if (this.renewing.value || trust.directory.hasLost(ring.person)) this.renewal().then((renewal) => renewal.settle()).catch(onlyHousekeeping);
  }

  /** What was sealed to the next key meanwhile opens now, and what is on the screen gets its next epoch. */
  #renewed(): void {
    this.conversations.allChanged();
    this.#keepHouse();
    Promise.all([this.refreshDirectory(), this.office.refreshDuty(), this.office.refreshDevices()]).catch(onlyApi);
  }

  async revokeDevice(device: string, reason: RevocationReason): Promise<void> {
    await this.office.revokeDevice(device, reason);
    const isOwn = this.office.devices.value.some(({ id }) => id === device);
    if (isOwn && ["lost", "stolen"].includes(reason)) await this.renewal().then((renewal) => renewal.look()).catch(onlyApi);
  }

  /** A planned turn began or ended: no ring is needed to know it. */
  #changeShift(now: number): void {
    this.office.changeShift(now);
    this.#hear({ t: "duty" });
  }

  #hear(event: LiveEvent): void {
    // What fails here for want of a network is found by the next resync.
    this.#handle(event).catch(onlyApi);
  }

  async #handle(event: LiveEvent): Promise<unknown> {
    const conversation = String(event["conversation"]);
    switch (event.t) {
      case "message":
        return this.inbox.receive(conversation, event["message"] as MessageWire);
      case "acknowledged": {
        const { message, person, role, at } = event as unknown as { message: string; person: string; role: string | null; at: string };
        return this.inbox.acknowledged(conversation, message, { person, role, at });
      }
      case "delivered":
        return event["person"] === this.ground.ring.person ? undefined : this.inbox.delivered(conversation, Number(event["sequence"]));
      case "epoch":
        return this.inbox.epochMade(conversation, Number(event["epoch"]));
      case "conversation":
      case "emergency":
        return this.inbox.sync();
      case "request":
        return Promise.all([this.requests.refresh(), this.inbox.sync()]);
      case "board":
        return this.board.heard(String(event["hospital"]));
      case "devices":
        return Promise.all([this.office.refreshDevices(), this.refreshDirectory()]);
      case "restorations":
        return this.deposits().then((deposits) => deposits.look());
      case "duty":
        await Promise.all([this.office.refreshDuty(), this.refreshDirectory()]);
        this.#keepHouse();
        return Promise.all([this.inbox.sync(), this.requests.refresh()]);
      case "members":
        await Promise.all([this.refreshDirectory(), this.isRegistrar && this.vouching.refresh()]);
        this.#keepHouse();
        return this.#renewRoles();
      default:
        return undefined;
    }
  }

  get isRegistrar(): boolean {
    return this.ground.trust.directory.isRegistrar(this.ground.ring.person);
  }

  async #sent(row: OutboxRow, answer: unknown): Promise<void> {
    if (row.kind === "request") {
      void Promise.all([this.requests.refresh(), this.inbox.sync()]).catch(onlyApi);
    } else if (row.conversation) {
      await this.conversations.sent(row.conversation, row, answer as { sequence: number; created_at: string });
      this.sending.keepHouseNowAndThen(row.conversation).catch(onlyHousekeeping);
    }
  }

  /** A conversation came on the screen: who has what, and, beside it, the key housekeeping that is due. */
  #opened(conversation: string): void {
    if (this.inbox.rows.has(conversation)) this.sending.keepHouse(conversation).catch(onlyHousekeeping);
  }

  async acknowledge(message: MessageView, role: string | null | undefined): Promise<void> {
    const members = this.inbox.rows.get(message.conversation)?.members ?? [];
    const held = this.office.rolesHeld().find((each) => members.some(({ principal }) => principal === each)) ?? null;
    const path = `/conversations/${message.conversation}/messages/${message.id}/acknowledge`;
    const answer = await this.ground.api.post<{ person: string; role: string | null; at: string }>(path, { role: role === undefined ? held : role });
    await this.inbox.acknowledged(message.conversation, message.id, answer);
  }
}

function rootOf({ hospital, pins }: AccountRow): Bytes {
  const root = pins.find(([id]) => id === hospital)?.[1];
  if (!root) throw new Error("the account has no pinned root of its hospital");
  return root;
}

/** Who cannot be proved, or whose directory does not fit, gets no new epoch; the one at hand goes on, and the directory shows it. */
function onlyHousekeeping(error: unknown): void {
  if (!(error instanceof ProtocolError)) onlyApi(error);
}

export function onlyApi(error: unknown): void {
  if (!(error instanceof ApiError)) throw error;
}
