/**
 * The whole of the client as the screens see it (web/README.md).
 *
 * Invariant: the stores are the same objects for the life of the page; locking empties them, because what they showed was opened with keys
 * that are gone.
 */
import type { IdentityBody, RevocationReason } from "../crypto";
import { Api, ApiError } from "./api";
import type { Audit } from "./audit";
import type { Emergencies } from "./emergencies";
import { type InvitationLook, lookAtInvitation } from "./enrolment";
import { Entrance } from "./entrance";
import { beginFounding, type Founder, type Founding } from "./founding";
import type { OfferedLink } from "./linking";
import type { House } from "./house";
import type { RequestTemplate, Statistics, StatisticsQuery } from "./numbers";
import { Value } from "./observable";
import type { Address } from "./office";
import type { OpenedSession } from "./opened";
import { enablePush } from "./push";
import type { Registry } from "./registry";
import type { Deposits } from "./deposits";
import type { OfficersAsked } from "./restoring";
import type { Renewal } from "./renewal";
import type { Rosters } from "./rosters";
import type { ActDetails } from "./requests";
import type { Roles } from "./roles";
import type { Photo, SendOptions } from "./sending";
import { Shown } from "./shown";
import type { SignIns } from "./sign-ins";
import type { Software } from "./software";
import { type SsoFinished, type SsoPurpose, takeReturn } from "./sso";
import type {
  BedRequest, BedStatus, BoardHospital, BoardUnit, Candidate, CandidateAction, CandidateState, Connection, ConversationView, DeviceInfo, DirectoryView, Duty,
  EscalationChain, FigureHistory, FigureReport, Invitee, KeyRenewal, MessageView, NewRequest, OverrideReason, PendingMember, Readable, ReceiptView,
  RestorationView, SessionState, Settings, SingleBed,
} from "./types";

type Refreshable = "board" | "duty" | "templates" | "requests" | "pendingMembers" | "devices" | "directory";

/** From the promise on, the hospital may know who comes. */
const PROMISED: readonly CandidateState[] = ["confirmed", "transport-arranged", "in-transit", "arrived"];

export class Wardline {
  readonly #api = new Api();
  readonly #shown = new Shown();
  #returned = takeReturn();
  readonly #entrance = new Entrance(this.#api, this.#shown);
  readonly session: Readable<SessionState> = this.#shown.session;
  readonly connection: Readable<Connection> = this.#shown.connection;
  readonly waiting: Readable<number> = this.#shown.waiting;
  readonly directory: Readable<DirectoryView> = this.#shown.directory;
  readonly conversations: Readable<ConversationView[]> = this.#shown.conversations;
  readonly requests: Readable<BedRequest[]> = this.#shown.requests;
  readonly board: Readable<BoardHospital[]> = this.#shown.board;
  readonly boardAt: Readable<string | null> = this.#shown.boardAt;
  readonly duty: Readable<Duty[]> = this.#shown.duty;
  readonly templates: Readable<RequestTemplate[]> = this.#shown.templates;
  readonly pendingMembers: Readable<PendingMember[]> = this.#shown.pendingMembers;
  readonly devices: Readable<DeviceInfo[]> = this.#shown.devices;
  readonly keyRenewal: Readable<KeyRenewal | null> = this.#shown.keyRenewal;

  readonly restorations: Readable<RestorationView[]> = this.#shown.restorations;

  // --- getting in

  async start(): Promise<void> {
    return this.#entrance.start();
  }

  lookAtInvitation(address: string): Promise<InvitationLook> {
    return lookAtInvitation(this.#api, address);
  }

  async join(address: string, label: string): Promise<{ recoveryCode: string; fingerprint: string }> {
    return this.#entrance.join(address, label);
  }

  beginFounding(address: string): Promise<Founding> {
    return beginFounding(this.#api, address);
  }

  async found(founding: Founding, founder: Founder, label: string): Promise<void> {
    return this.#entrance.found(founding, founder, label);
  }

  /** Resolves once this device may be made; `show` gets the digits to compare, if there are any. */
  async answerLink(address: string, label: string, show: (digits: string) => void, signal: AbortSignal): Promise<() => Promise<void>> {
    return this.#entrance.answerLink(address, label, show, signal);
  }

  async addByPasskey(label: string): Promise<void> {
    return this.#entrance.addByPasskey(label);
  }

  async recoverBy(address: string, code: string, label: string): Promise<string> {
    return this.#entrance.recoverBy(address, code, label);
  }

  /** Resolves once two recovery officers have agreed; what is returned makes the passkey and gives the next recovery code. */
  async askOfficers(address: string, label: string, show: (asked: OfficersAsked) => void, signal: AbortSignal): Promise<() => Promise<string>> {
    return this.#entrance.askOfficers(address, label, show, signal);
  }

  async unlock(): Promise<void> {
    return this.#entrance.unlock(null);
  }

  async recover(code: string): Promise<void> {
    return this.#entrance.unlock(code);
  }

  /** What this page came back from the hospital's own sign-in service for; null once it was taken. */
  get returnedFor(): SsoPurpose | null {
    return this.#returned?.purpose ?? null;
  }

  async leaveFor(purpose: SsoPurpose, address?: string): Promise<void> {
    return this.#entrance.leaveFor(purpose, address);
  }

  /** Once, for what `returnedFor` says. */
  async comeBack(): Promise<SsoFinished> {
    const returned = this.#returned;
    this.#returned = null;
    if (!returned) throw new ApiError(401, { code: "sso.unknown_attempt", detail: "" });
    return this.#entrance.comeBack(returned);
  }

  lock(): void {
    this.#entrance.lock(null);
  }

  async signOut(): Promise<void> {
    return this.#entrance.signOut();
  }

  /** Forgets this device. The server keeps it until it is revoked. */
  async wipe(): Promise<void> {
    return this.#entrance.wipe();
  }

  get #in(): OpenedSession {
    const { opened } = this.#entrance;
    if (!opened) throw new ApiError(401, { code: "session.locked", detail: "" });
    return opened;
  }

  // --- reading

  messages(conversation: string): Readable<MessageView[]> {
    return this.#entrance.opened?.conversations.messages(conversation) ?? new Value<MessageView[]>([]);
  }

  async openImage(message: MessageView): Promise<Blob> {
    return this.#in.conversations.openImage(message);
  }

  async markRead(conversation: string): Promise<void> {
    await this.#in.inbox.markRead(conversation);
  }

  /** Milliseconds to add to the clock here to have the server's: holds and clocks run by that one. */
  get clockSkew(): number {
    return this.#entrance.opened?.inbox.clockSkew ?? 0;
  }

  async refresh(what: Refreshable): Promise<void> {
    const { requests, board, office, vouching, numbers } = this.#in;
    const all: Record<Refreshable, () => Promise<void>> = {
      board: () => board.refresh(),
      requests: () => requests.refresh(),
      duty: () => office.refreshDuty(),
      templates: () => numbers.refreshTemplates(),
      devices: () => office.refreshDevices(),
      pendingMembers: () => vouching.refresh(),
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
    const candidate = this.requests.value.flatMap(({ candidates }) => candidates).find((each) => each.conversation === conversation);
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

  /** The conversation about what software asked for, begun if nobody has. */
  async beginConversation(candidate: Candidate): Promise<string> {
    const conversation = await this.#in.requests.begin(candidate);
    await this.#in.inbox.sync();
    return conversation;
  }

  async loadRequest(id: string): Promise<BedRequest> {
    return this.#in.requests.loadRequest(id);
  }

  async act(candidate: Candidate, action: CandidateAction, details: ActDetails = {}): Promise<Candidate> {
    return this.#in.requests.act(candidate, action, details);
  }

  /** What both hospitals signed, proved here. Throws a `ProtocolError` if it proves nothing. */
  async receipt(candidate: string): Promise<ReceiptView> {
    return this.#in.requests.promises.receipt(candidate);
  }

  async cancelRequest(request: BedRequest, reason: string): Promise<void> {
    return this.#in.requests.cancelRequest(request, reason);
  }

  /** As long as somebody looks at the board: the server tells of each change there. Returns what ends it. */
  watchBoard(): () => void {
    return this.#entrance.opened?.live.watchBoard() ?? (() => undefined);
  }

  async reportFigure(unit: BoardUnit, report: FigureReport): Promise<BoardUnit> {
    return this.#in.board.report(unit, report);
  }

  async undoFigure(unit: Pick<BoardUnit, "capacity" | "version">): Promise<BoardUnit> {
    return this.#in.board.undo(unit);
  }

  async figureHistory(capacity: string, days: number): Promise<FigureHistory> {
    return this.#in.board.history(capacity, days);
  }

  async singleBeds(unit: string): Promise<SingleBed[]> {
    return this.#in.board.beds(unit);
  }

  async reportBed(bed: SingleBed, status: BedStatus, override?: OverrideReason): Promise<{ bed: SingleBed; figure: BoardUnit }> {
    return this.#in.board.reportBed(bed, status, override);
  }

  async saveTemplate(template: RequestTemplate): Promise<void> {
    return this.#in.numbers.saveTemplate(template);
  }

  async deleteTemplate(template: RequestTemplate): Promise<void> {
    return this.#in.numbers.deleteTemplate(template);
  }

  async statistics(query: StatisticsQuery): Promise<Statistics> {
    return this.#in.numbers.statistics(query);
  }

  async statisticsCsv(query: StatisticsQuery): Promise<Blob> {
    return this.#in.numbers.statisticsCsv(query);
  }

  /** Throws while locked. */
  get audit(): Audit {
    return this.#in.audit;
  }

  // --- duty, devices, registrar

  /** Throws while locked. */
  get emergencies(): Emergencies {
    return this.#in.emergencies;
  }

  /** Throws while locked. */
  get house(): House {
    return this.#in.house;
  }

  /** Throws while locked. */
  get registry(): Registry {
    return this.#in.registry;
  }

  /** Throws while locked. */
  get rosters(): Rosters {
    return this.#in.rosters;
  }

  /** Throws while locked. */
  get signIns(): SignIns {
    return this.#in.signIns;
  }

  /** Two people have compared, or a registrar has explained: what the service shows of this hospital now is believed. */
  async acceptDirectory(hospital: string): Promise<void> {
    return this.#in.ground.trust.accept(hospital);
  }

  async dismissAboutMe(): Promise<void> {
    return this.#in.ground.trust.dismissAboutMe();
  }

  async takeDuty(role: string, until?: string): Promise<void> {
    return this.#in.office.takeDuty(role, until);
  }

  async handOver(role: string, person: string, until?: string): Promise<void> {
    return this.#in.office.handOver(role, person, until);
  }

  /** Duty roles, for registrars; its code is loaded when it is asked for. */
  async roles(): Promise<Roles> {
    return this.#in.roles();
  }

  /** The hospital's own software, for registrars; its code is loaded when it is asked for. */
  async software(): Promise<Software> {
    return this.#in.software();
  }

  /** The next generation of the own key, after a lost device; its code is loaded when it is asked for. */
  async renewal(): Promise<Renewal> {
    return this.#in.renewal();
  }

  /** The hospital's recovery officers and the own deposit; its code is loaded when it is asked for. */
  async deposits(): Promise<Deposits> {
    return this.#in.deposits();
  }

  async loadChain(role: string): Promise<EscalationChain> {
    return this.#in.office.loadChain(role);
  }

  async saveChain(chain: EscalationChain): Promise<EscalationChain> {
    return this.#in.office.saveChain(chain);
  }

  async loadSettings(): Promise<Settings> {
    return this.#in.office.loadSettings();
  }

  async setQuietHours(from: string | null, until: string | null): Promise<Settings> {
    return this.#in.office.setQuietHours(from, until);
  }

  async makeLink(): Promise<OfferedLink> {
    return this.#in.office.makeLink();
  }

  async createInvitation(member: Invitee): Promise<Address> {
    return this.#in.office.createInvitation(member);
  }

  async approveMember(person: string): Promise<void> {
    return this.#in.vouching.approve(person);
  }

  async endMembership(person: string): Promise<void> {
    return this.#in.office.endMembership(person);
  }

  async devicesOf(person: string): Promise<DeviceInfo[]> {
    return this.#in.office.devicesOf(person);
  }

  async makeRecovery(person: string): Promise<Address> {
    return this.#in.office.makeRecovery(person);
  }

  async revokeDevice(device: string, reason: RevocationReason): Promise<void> {
    return this.#in.revokeDevice(device, reason);
  }

  enablePush(): Promise<void> {
    return enablePush(this.#api);
  }
}
