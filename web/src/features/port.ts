/**
 * What the screens use of `sync` (web/README.md). `Wardline` is it in the product; the harness stands in for it with invented people.
 *
 * Invariant: no screen fetches, decrypts or stores.
 */
import type { Audit } from "../sync/audit";
import type { Emergencies } from "../sync/emergencies";
import type { Founder, Founding } from "../sync/founding";
import type { OfferedLink } from "../sync/linking";
import type { House } from "../sync/house";
import type { Registry } from "../sync/registry";
import type { Deposits } from "../sync/deposits";
import type { Renewal } from "../sync/renewal";
import type { Roles } from "../sync/roles";
import type { Rosters } from "../sync/rosters";
import type { SignIns } from "../sync/sign-ins";
import type { Software } from "../sync/software";
import type { OfficersAsked } from "../sync/restoring";
import type { SsoPurpose } from "../sync/sso";
import type { RequestTemplate, Statistics, StatisticsQuery } from "../sync/numbers";
import type {
  BedRequest, BedStatus, BoardHospital, BoardUnit, Candidate, CandidateAction, Connection, ConversationView, DeviceInfo, DirectoryView, Duty, EscalationChain, FigureHistory,
  FigureReport, Invitee, KeyRenewal, MessageView, NewRequest, OverrideReason, PendingMember, Priority, Readable, ReceiptView, RestorationView, RevocationReason, SessionState, Settings,
  SingleBed,
} from "../sync/types";

export type { Founder, Founding };
export interface Invitation extends Invitee { hospital: { id: string; name: string }; person: string; sso: { name: string; is_required: boolean } | null }
export interface Address { address: string; expiresAt: string }
/** A link on the screen of the old device. */
export type Linkable = Pick<OfferedLink, keyof OfferedLink>;
export interface Picture { blob: Blob; width: number; height: number }
export interface Identity { family: string; given: string; birthDate: string; sex: "female" | "male" | "other" | "unknown"; note: string }
export interface SendOptions { priority?: Priority; role?: string | null }
export interface ActDetails { role?: string | null; reason?: string; capacity?: string; bed?: string; holdMinutes?: number }

export interface Port {
  readonly session: Readable<SessionState>;
  readonly connection: Readable<Connection>;
  readonly waiting: Readable<number>;
  readonly directory: Readable<DirectoryView>;
  readonly conversations: Readable<ConversationView[]>;
  readonly requests: Readable<BedRequest[]>;
  readonly board: Readable<BoardHospital[]>;
  /** When the board shown came. */
  readonly boardAt: Readable<string | null>;
  readonly duty: Readable<Duty[]>;
  readonly templates: Readable<RequestTemplate[]>;
  readonly pendingMembers: Readable<PendingMember[]>;
  readonly devices: Readable<DeviceInfo[]>;
  readonly keyRenewal: Readable<KeyRenewal | null>;
  readonly restorations: Readable<RestorationView[]>;
  /** Milliseconds from the clock here to the server's. */
  readonly clockSkew: number;
  messages(conversation: string): Readable<MessageView[]>;
  refresh(what: "board" | "duty" | "templates" | "requests" | "pendingMembers" | "devices" | "directory"): Promise<unknown>;

  start(): Promise<unknown>;
  lookAtInvitation(address: string): Promise<Invitation>;
  join(address: string, label: string): Promise<{ recoveryCode: string; fingerprint: string }>;
  beginFounding(address: string): Promise<Founding>;
  found(founding: Founding, founder: Founder, label: string): Promise<unknown>;
  /** On a device that is nobody's; the digits shown are compared with those of the old device, then what is returned makes the passkey. */
  answerLink(address: string, label: string, show: (digits: string) => void, signal: AbortSignal): Promise<() => Promise<unknown>>;
  /** On a device that is nobody's: by a synced passkey alone, where the hospital allows it. */
  addByPasskey(label: string): Promise<unknown>;
  unlock(): Promise<unknown>;
  /** On a device that is nobody's: a registrar's link and the printed code. Returns the next code. */
  recoverBy(address: string, code: string, label: string): Promise<string>;
  /** On a device that is nobody's: two recovery officers hear its digits; what is returned makes the passkey and gives the next code. */
  askOfficers(address: string, label: string, show: (asked: OfficersAsked) => void, signal: AbortSignal): Promise<() => Promise<string>>;
  recover(code: string): Promise<unknown>;
  /** For what this page came back from the hospital's own sign-in service; `comeBack` takes it, once. */
  readonly returnedFor: SsoPurpose | null;
  comeBack(): Promise<{ purpose: SsoPurpose; label: string }>;
  leaveFor(purpose: SsoPurpose, address?: string): Promise<unknown>;
  lock(): unknown;
  signOut(): Promise<unknown>;
  wipe(): Promise<unknown>;
  makeLink(): Promise<Linkable>;

  sendText(conversation: string, text: string, options?: SendOptions): Promise<string>;
  sendImage(conversation: string, picture: Picture, options?: SendOptions & { caption?: string }): Promise<string>;
  sendIdentity(conversation: string, identity: Identity): Promise<string>;
  openImage(message: MessageView): Promise<Blob>;
  acknowledge(message: MessageView, role?: string | null): Promise<unknown>;
  markRead(conversation: string): Promise<unknown>;
  startDirect(person: string): Promise<string>;
  retry(message: MessageView): Promise<unknown>;
  discard(message: MessageView): Promise<unknown>;

  requestBed(request: NewRequest): Promise<string>;
  act(candidate: Candidate, action: CandidateAction, details?: ActDetails): Promise<unknown>;
  /** With a hospital that software asked; the one that is there, if there is one. */
  beginConversation(candidate: Candidate): Promise<string>;
  receipt(candidate: string): Promise<ReceiptView>;
  cancelRequest(request: BedRequest, reason: string): Promise<unknown>;
  loadRequest(id: string): Promise<BedRequest>;
  watchBoard(): () => void;
  reportFigure(unit: BoardUnit, report: FigureReport): Promise<BoardUnit>;
  undoFigure(unit: Pick<BoardUnit, "capacity" | "version">): Promise<BoardUnit>;
  figureHistory(capacity: string, days: number): Promise<FigureHistory>;
  singleBeds(unit: string): Promise<SingleBed[]>;
  reportBed(bed: SingleBed, status: BedStatus, override?: OverrideReason): Promise<{ bed: SingleBed; figure: BoardUnit }>;

  saveTemplate(template: RequestTemplate): Promise<unknown>;
  deleteTemplate(template: RequestTemplate): Promise<unknown>;
  statistics(query: StatisticsQuery): Promise<Statistics>;
  statisticsCsv(query: StatisticsQuery): Promise<Blob>;

  /** The own hospital's log; throws while locked. */
  readonly audit: Pick<Audit, keyof Audit>;
  /** The own sign-ins; throws while locked. */
  readonly signIns: Pick<SignIns, keyof SignIns>;
  /** Break-glass; throws while locked. */
  readonly emergencies: Pick<Emergencies, keyof Emergencies>;
  /** What registrars decide; throws while locked. */
  readonly house: Pick<House, keyof House>;
  readonly registry: Pick<Registry, keyof Registry>;
  /** Of the own hospital's duty roles; throws while locked. */
  readonly rosters: Pick<Rosters, keyof Rosters>;

  acceptDirectory(hospital: string): Promise<unknown>;
  dismissAboutMe(): Promise<unknown>;
  takeDuty(role: string, until?: string): Promise<unknown>;
  handOver(role: string, person: string, until?: string): Promise<unknown>;
  deposits(): Promise<Pick<Deposits, keyof Deposits>>;
  renewal(): Promise<Pick<Renewal, keyof Renewal>>;
  roles(): Promise<Pick<Roles, keyof Roles>>;
  software(): Promise<Pick<Software, keyof Software>>;
  loadChain(role: string): Promise<EscalationChain>;
  saveChain(chain: EscalationChain): Promise<EscalationChain>;
  loadSettings(): Promise<Settings>;
  setQuietHours(from: string | null, until: string | null): Promise<Settings>;
  createInvitation(member: Invitee): Promise<Address>;
  approveMember(person: string): Promise<unknown>;
  endMembership(person: string): Promise<unknown>;
  makeRecovery(person: string): Promise<Address>;
  devicesOf(person: string): Promise<DeviceInfo[]>;
  revokeDevice(device: string, reason: RevocationReason): Promise<unknown>;
  enablePush(): Promise<unknown>;
}
