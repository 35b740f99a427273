/** What the screens see. Ids are UUIDs, times ISO 8601 UTC. Nothing here is written to disk in clear. */
import type { Body, Priority, RevocationReason, StatementKind, TroubleCode, WarningCode } from "../crypto";

/** A value that changes; the store contract of Svelte (`$name`), usable without it. */
export interface Readable<T> {
  readonly value: T;
  /** Calls `run` at once and on every change; returns what ends it. */
  subscribe(run: (value: T) => void): () => void;
}

/** A refusal by the server, or `network.offline` (nothing was lost), or a protocol code. */
export interface ErrorBody {
  code: string;
  detail: string;
  [more: string]: unknown;
}

export type Phase =
  /** Reading the local store. */
  | "loading"
  /** This browser is no device of anybody: a link or an invitation is needed. */
  | "new"
  /** A device; the keys are not in memory. `unlock()`. */
  | "locked"
  /** Joined; a registrar compares `fingerprint` and approves. Opens by itself. */
  | "pending"
  | "open";

export interface SessionState {
  phase: Phase;
  person: string | null;
  device: string | null;
  hospital: string | null;
  /** Shown on the unlock screen before anything is opened. */
  hospitalName: string;
  isRegistrar: boolean;
  /** May read the hospital's audit log, as an auditor or as a registrar: what the server said at unlocking. */
  isLogReader: boolean;
  /** Duty roles held right now. */
  rolesOnDuty: string[];
  /** Six groups of five digits over both public keys; null before they are known. */
  fingerprint: string | null;
  idleLockSeconds: number;
  expiresAt: string | null;
  /** Why the last lock happened, if not by the person: `idle`, `expired`, `revoked`. */
  reason: "idle" | "expired" | "revoked" | null;
  sso: Sso | null;
}

/** The hospital's own sign-in service. */
export interface Sso {
  name: string;
  isRequired: boolean;
  /** The account connected there; null: none, or nobody is signed in. */
  label: string | null;
  /** A passkey alone opens nothing now. */
  isDue: boolean;
}

export type Connection = "live" | "polling" | "offline";

export interface Hospital {
  id: string;
  slug: string;
  name: string;
  city: string;
  latitude: number | null;
  longitude: number | null;
}

export interface Person {
  id: string;
  hospital: string;
  kind: "human" | "archive";
  isRegistrar: boolean;
  name: string;
  title: string;
  profession: string;
  /** A code, or empty. */
  speciality: string;
  unit: string;
  /** The chain to a pinned root held, and the name is the one that was signed. Else `name` is empty and nothing is sealed to them. */
  isProved: boolean;
  fingerprint: string | null;
}

export interface DutyRole {
  id: string;
  hospital: string;
  unit: string | null;
  name: string;
  categories: string[];
  /** Whom the signed statement allows to hold it. */
  eligible: readonly string[];
  isProved: boolean;
  onDuty: { person: string | null; since: string; until: string | null } | null;
}

/** Size of a hospital's log of statements, and its root as digits that two people can compare. */
export interface HeadView { size: number; digits: string }

export interface LogView extends HeadView {
  hospital: string;
  /** Of the hospital's root key; null where none is proved. */
  rootDigits: string | null;
  /** Up to where the service has signed it. */
  signedSize: number;
  /** Nothing is sealed to this hospital: it does not fit. `by` was shown `shown`; null: it is what the service shows here. */
  trouble: { code: TroubleCode; mine: HeadView; shown: HeadView; by: string | null } | null;
  warnings: { code: WarningCode; by: string | null }[];
}

/** A statement about oneself that this device did not make. */
export interface AboutMe { digest: string; kind: StatementKind; device: string | null; at: string }

export interface DirectoryView {
  hospitals: Hospital[];
  people: Person[];
  roles: DutyRole[];
  logs: LogView[];
  aboutMe: AboutMe[];
}

export const EMPTY_DIRECTORY: DirectoryView = { hospitals: [], people: [], roles: [], logs: [], aboutMe: [] };

/** wartet, gesendet, zugestellt, bestätigt. `refused`: the server will not take it; `problem` says why. */
export type MessageState = "waiting" | "sent" | "delivered" | "acknowledged" | "refused";

export interface MessageView {
  id: string;
  conversation: string;
  /** Null while it waits. */
  sequence: number | null;
  person: string;
  role: string | null;
  isOwn: boolean;
  priority: Priority;
  at: string;
  /** Null if it could not be opened; then `problem` has the code. */
  body: Body | null;
  state: MessageState;
  acknowledged: { person: string; role: string | null; at: string }[];
  /** Upload of its image: 0 to 1, null when there is none under way. */
  progress: number | null;
  problem: string | null;
}

/** An emergency access to a conversation; over at `ends_at`, or at `ended_at` if somebody ended it earlier. */
export interface Emergency {
  id: string;
  person: string;
  role: string;
  reason: string;
  started_at: string;
  ends_at: string;
  ended_at: string | null;
}

export interface ConversationView {
  id: string;
  kind: "direct" | "case";
  members: { principal: string; kind: string; hospital: string }[];
  /** Sealed to already, and given nothing yet. */
  awaited: { principal: string; kind: string; hospital: string }[];
  /** Since when nobody can write here any more. */
  closedAt: string | null;
  /** The bed request this conversation belongs to. */
  request: string | null;
  /** Oldest first, past ones too. */
  emergencies: Emergency[];
  lastSequence: number;
  lastAt: string | null;
  /** The latest message's text or caption; empty until it is opened. */
  lastLine: string;
  /** What the latest message is: `text image identity ack system unknown`; empty until it is opened. */
  lastType: string;
  lastIsOwn: boolean;
  unread: number;
  /** There is an unread message of priority `stat`. */
  hasUnreadStat: boolean;
}

export type Category =
  | "icu-high" | "icu-low" | "imc" | "ward" | "picu" | "nicu" | "peds" | "burn" | "nursery" | "psych" | "rehab" | "ed" | "obstetric";
export type Capability = "niv" | "invasive-vent" | "ecmo" | "crrt" | "oxygen" | "telemetry" | "isolation" | "bariatric";
export type Urgency = "stat" | "asap" | "urgent" | "routine";
export type CandidateState =
  | "draft" | "submitted" | "acknowledged" | "info-requested" | "held" | "confirmed" | "transport-arranged" | "in-transit" | "arrived"
  | "declined" | "cancelled" | "no-response" | "expired" | "withdrawn" | "diverted";
export type CandidateAction =
  | "submit" | "acknowledge" | "request-info" | "answer-info" | "hold" | "decline" | "confirm" | "withdraw" | "cancel"
  | "arrange-transport" | "depart" | "arrive" | "divert";

export interface Transition {
  action: string;
  source: CandidateState;
  target: CandidateState;
  reason: string;
  person: string | null;
  /** The name of a hospital's own software, where that took the step; else empty. */
  software: string;
  role: string | null;
  at: string;
}

/** Header and signature, base64url. */
export interface SignedWire { h: string; s: string }

/** The receipt of a promise, as proved here: who signed for which hospital (the destination first), and the file to keep. */
export interface ReceiptView {
  candidate: string;
  file: Blob;
  minutes: number;
  signed: { hospital: string; by: string; role: string | null; at: string }[];
  /** The fingerprint of each hospital's root. */
  roots: Record<string, string>;
}

/** A duty role called to a request; position 0 is the asking itself. Who stands behind it is its hospital's own. */
export interface Alarm {
  position: number;
  role: string;
  whom: "holder" | "eligible";
  how: "push" | "alarm";
  raised_at: string;
  reached_at: string | null;
  failed_at: string | null;
  failure: "" | "nobody-on-duty" | "no-device" | "not-reached";
}

/** After `wait` seconds without an answer `target` is alarmed; null: the asked role itself. */
export interface EscalationStep {
  wait: number;
  target: string | null;
  whom: "holder" | "eligible";
  how: "push" | "alarm";
}

/** A duty role's chain; `important` is for stat and asap, and empty where `normal` is for all. */
export interface EscalationChain {
  role: string;
  version: number;
  normal: EscalationStep[];
  important: EscalationStep[];
}

/** Times on the wall of the person's hospital, `HH:MM`; both or neither. */
export interface Settings {
  quiet_from: string | null;
  quiet_until: string | null;
  time_zone: string;
}

export interface Candidate {
  id: string;
  hospital: string;
  role: string;
  /** Null while nobody has written about what software asked for: it holds no key to begin one. */
  conversation: string | null;
  state: CandidateState;
  reason: string;
  /** From 1; null to who was asked. */
  wave: number | null;
  /** Null while it waits for its wave. */
  asked_at: string | null;
  acknowledge_by: string | null;
  escalation: number;
  alarms: Alarm[];
  /** Due at `acknowledge_by`; null: then it ends. */
  next_alarm: Pick<Alarm, "role" | "whom" | "how"> | null;
  hold: { capacity: string; unit: string; bed: string | null; /** Null once confirmed. */ expires_at: string | null } | null;
  /** What the destination signed, while the bed is held. */
  offer: SignedWire | null;
  version: number;
  changed_at: string;
  /** What this side may do now. */
  actions: CandidateAction[];
  /** Only from `loadRequest`. */
  transitions?: Transition[];
}

export interface BedRequest {
  id: string;
  origin: string;
  /** Null where the hospital's own software asked, which is named in `software`; it is empty where a person asked. */
  requester: string | null;
  software: string;
  role: string | null;
  category: Category;
  capabilities: Capability[];
  urgency: Urgency;
  age_band: string;
  sex: string;
  transport_mode: string;
  created_at: string;
  closed_at: string | null;
  /** Seconds from one wave to the next; null: all were asked at once. */
  wave_interval: number | null;
  /** When the next are asked if nobody acknowledges; null: nobody waits. */
  next_wave_at: string | null;
  candidates: Candidate[];
}

export interface NewRequest {
  category: Category;
  capabilities: Capability[];
  urgency: Urgency;
  /** neonate infant child adolescent adult senior, or empty. */
  ageBand: string;
  sex: string;
  /** ground air own, or empty. */
  transportMode: string;
  /** The hospitals asked, the duty role asked there, and when: 1 at once, then wave by wave. */
  hospitals: { hospital: string; role: string; wave?: number }[];
  /** Seconds between waves; null or missing: the urgency's time to acknowledge. */
  waveInterval?: number | null;
  /** Two lines for all of them, end-to-end encrypted; never a name. Empty: none is sent. */
  note: string;
  /** The duty role acted in. */
  role?: string | null;
}

export type Assessment = "available" | "limited" | "unavailable" | "unknown";
export type Limit = "staff" | "rooms" | "ventilators" | "material";
export type OverrideReason = "feed-down" | "feed-wrong" | "feed-ended";
/** HL7 v2-0116: closed, housekeeping, isolated, contaminated, occupied, unoccupied. */
export type BedStatus = "C" | "H" | "I" | "K" | "O" | "U";

export interface Counts {
  staffed: number;
  occupied: number;
  blocked: number;
}

/** What a hospital says beside the counts. Null: unknown, never zero. */
export interface Judgement {
  reserve_24h: number | null;
  reserve_72h: number | null;
  assessment: Assessment;
  limits: Limit[];
  free_ecmo: number | null;
  free_crrt: number | null;
  sex_restriction: string;
  /** Empty: any age. */
  age_bands: string[];
}

export interface BoardUnit extends Counts, Judgement {
  capacity: string;
  unit: string;
  name: string;
  category: Category;
  held: number;
  available: number;
  capabilities: Capability[];
  reported_at: string;
  is_stale: boolean;
  source: "manual" | "adt" | "api";
  /** Why somebody counts by hand what the hospital's own software counts. */
  override: OverrideReason | "";
  /** The counts are those of single beds. */
  is_by_bed: boolean;
  version: number;
}

/** What is left out stays as it was. */
export type FigureReport = Counts & Partial<Judgement> & { override?: OverrideReason };

export interface BoardHospital {
  hospital: string;
  distance_km: number | null;
  /** The hospital's own limit: older figures are stale. */
  stale_after_seconds: number;
  /** A request to a role is sealed to those it leads to as well. */
  roles: { role: string; categories: Category[]; escalates_to: string[]; on_duty: boolean }[];
  units: BoardUnit[];
}

export interface FigurePoint extends Counts {
  at: string;
  free: number;
  /** The least free of the span this point stands for. */
  free_least: number;
  assessment: Assessment;
  source: BoardUnit["source"];
  cause: "opened" | "report" | "bed" | "arrival" | "undo";
}

export interface FigureHistory {
  since: string;
  until: string;
  is_thinned: boolean;
  points: FigurePoint[];
}

export interface SingleBed {
  bed: string;
  capacity: string;
  category: Category;
  label: string;
  status: BedStatus;
  is_held: boolean;
  changed_at: string;
  version: number;
}

/** Somebody's turn in a duty role; without `until` it ends by hand. */
export interface Turn { person: string; since: string; until: string | null }

/** When nobody has a duty role; without `until` nobody is known to follow. */
export interface Gap { since: string; until: string | null }

export interface Duty {
  role: string;
  holder: string | null;
  since: string | null;
  until: string | null;
  /** The running one and those of the week to come. */
  turns: Turn[];
  gaps: Gap[];
}

export interface PendingMember {
  person: string;
  name: string;
  title: string;
  profession: string;
  speciality: string;
  unit: string;
  fingerprint: string;
  /** What the hospital's own sign-in service calls them, if they signed in there. */
  account: string | null;
  /** A member whose next keys these are, after a lost device; else somebody who joins. */
  isRenewal: boolean;
}

/**
 * The own key after a device was lost. `due`: the next one should be made; `office`: a registrar gives up the office first; `waiting`: made
 * here, a registrar compares `fingerprint`; `elsewhere`: made at another device; `signed`: it holds, and this page has yet to open it; `done`.
 */
export interface KeyRenewal { stage: "due" | "office" | "waiting" | "elsewhere" | "signed" | "done"; fingerprint: string | null }

/** The own deposit for the hospital's recovery officers. `off`: nobody is named; `officer`: the person is one; `due`: this device is about to make it. */
export interface DepositStanding {
  state: "off" | "officer" | "declined" | "due" | "kept";
  officers: string[];
  made_at: string | null;
  /** Each attempt to get this person's key back, newest first; `end_reason` is empty while it runs. */
  uses: { started_at: string; ended_at: string | null; end_reason: string }[];
}

/** `away`: has left, or has another key than the one that was named. */
export interface OfficersOverview { officers: string[]; away: string[]; proposals: OfficersProposal[] }
/** Nobody in `officers`: the hospital's recovery is to end. */
export interface OfficersProposal { id: string; officers: string[]; proposed_by: string; expires_at: string }

/** An attempt under way to get somebody's key back. `fingerprint`: of the new device, once there is one. */
export interface RestorationView {
  id: string;
  person: string;
  startedBy: string;
  expiresAt: string;
  approvals: number;
  isMine: boolean;
  isOfficer: boolean;
  hasApproved: boolean;
  mayApprove: boolean;
  fingerprint: string | null;
}

/** Who is invited, and as what: what a registrar verifies. */
export interface Invitee { name: string; title: string; profession: string; speciality: string; unit: string }

export interface DeviceInfo {
  id: string;
  label: string;
  created_at?: string;
  last_seen_at?: string | null;
  revoked_at?: string | null;
  /** It became a device by the printed recovery code. */
  is_recovered?: boolean;
  /** It became a device by two recovery officers. */
  is_restored?: boolean;
  /** It became a device by a synced passkey alone. */
  is_by_passkey?: boolean;
  isThis: boolean;
}

export type { Body, Priority, RevocationReason };
