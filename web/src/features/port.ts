/**
 * What the screens need from below: the shapes they show and the acts they ask for.
 *
 * Invariant: no screen fetches, decrypts or stores. One implementation stands on `sync` (live.ts); the harness has another one.
 * Shapes of requests and of the board are those of docs/api-contract.md; names are already verified and decoded.
 */
export type Id = string;
export type Urgency = "stat" | "asap" | "urgent" | "routine";
export type Priority = "normal" | "urgent" | "stat";
export type CandidateState =
  | "submitted" | "acknowledged" | "info-requested" | "held" | "confirmed" | "transport-arranged" | "in-transit" | "arrived"
  | "declined" | "cancelled" | "no-response" | "expired" | "withdrawn" | "diverted";
export type Action =
  | "acknowledge" | "request-info" | "answer-info" | "hold" | "decline" | "confirm" | "withdraw" | "cancel"
  | "arrange-transport" | "depart" | "arrive" | "divert";

export interface Hospital { id: Id; slug: string; name: string; city: string }
export interface Person { id: Id; hospital: Id; name: string; title: string; profession: string; unit: string; isRegistrar: boolean; fingerprint: string }
export interface Role { id: Id; hospital: Id; name: string; categories: string[]; onDuty: { person: Id | null; since: string; until: string | null } | null }
/** A role I am eligible for. */
export interface Duty { role: Id; holder: Id | null; since: string | null; until: string | null; eligible: Id[] }

export interface Unit {
  capacity: Id; unit: Id; name: string; category: string; staffed: number; occupied: number; blocked: number; held: number; available: number;
  capabilities: string[]; reported_at: string; is_stale: boolean; source: string; version: number;
}
export interface BoardHospital { hospital: Id; distance_km: number | null; roles: { role: Id; categories: string[]; on_duty: boolean }[]; units: Unit[] }

export interface Candidate {
  id: Id; hospital: Id; role: Id; conversation: Id; state: CandidateState; reason: string; acknowledge_by: string; escalation: number;
  hold: { capacity: Id; unit: Id; bed: Id | null; expires_at: string } | null; version: number; changed_at: string; actions: Action[];
}
export interface BedRequest {
  id: Id; origin: Id; requester: Id; role: Id | null; category: string; capabilities: string[]; urgency: Urgency; age_band: string; sex: string;
  transport_mode: string; created_at: string; closed_at: string | null; candidates: Candidate[];
}

export interface Identity { family: string; given: string; birthDate: string; sex: "female" | "male" | "other" | "unknown"; note: string }
export type Body =
  | { t: "text"; text: string }
  | { t: "image"; attachment: Id; width: number; height: number; size: number; caption: string }
  | ({ t: "identity" } & Identity)
  | { t: "system"; event: string }
  | { t: "unknown" }
  | { t: "unreadable" };
export type Delivery = "waiting" | "failed" | "sent" | "delivered";
export interface Message {
  id: Id; conversation: Id; sequence: number | null; person: Id; role: Id | null; priority: Priority; at: string; body: Body;
  isMine: boolean; delivery: Delivery; acknowledged: { person: Id; role: Id | null; at: string }[];
  /** 0 to 1 while an image is on its way. */
  progress: number | null;
}
export interface Conversation { id: Id; kind: "direct" | "group" | "role" | "case"; members: Id[]; candidate: Id | null; last: Message | null; lastAt: string; unread: number }

export interface Figures { staffed: number; occupied: number; blocked: number }
export interface RequestDraft {
  category: string; capabilities: string[]; urgency: Urgency; ageBand: string; sex: string; transportMode: string; note: string;
  candidates: { hospital: Id; role: Id }[];
}
export interface Device { id: Id; label: string; created_at: string; last_seen_at: string | null; isThis: boolean; isRevoked: boolean }
export interface Pending { person: Id; name: string; title: string; profession: string; fingerprint: string }
export interface Invitation { hospital: string; name: string; title: string; profession: string }
export interface Link { link: string; expires_at: string }
export interface Picture { blob: Blob; width: number; height: number }

export interface Port {
  /** Opens what this browser already has; the model's phase says where that led. */
  start(): Promise<void>;
  signIn(): Promise<void>;
  recover(code: string): Promise<void>;
  lock(): void;
  signOut(): Promise<void>;
  lookInvitation(token: string): Promise<Invitation>;
  join(token: string, root: string): Promise<{ recoveryCode: string }>;
  link(token: string, secret: string): Promise<void>;
  /** After the recovery code was confirmed, or after a wait for the registrar: looks again where we stand. */
  proceed(): Promise<void>;

  openConversation(conversation: Id): Promise<void>;
  sendText(conversation: Id, text: string, priority: Priority): Promise<void>;
  sendPicture(conversation: Id, picture: Picture, caption: string, priority: Priority): Promise<void>;
  sendIdentity(conversation: Id, identity: Identity): Promise<void>;
  openPicture(message: Message): Promise<Blob>;
  acknowledge(message: Message): Promise<void>;
  talkTo(person: Id): Promise<Id>;

  refreshBoard(): Promise<void>;
  setFigures(unit: Unit, figures: Figures): Promise<void>;
  createRequest(draft: RequestDraft): Promise<Id>;
  act(candidate: Candidate, action: Action, details?: { reason?: string; capacity?: Id; hold_minutes?: number }): Promise<void>;
  cancelRequest(request: Id, reason: string): Promise<void>;

  takeDuty(role: Id, until: string | null): Promise<void>;
  handOver(role: Id, to: Id, until: string | null): Promise<void>;

  invite(name: string, title: string, profession: string): Promise<Link>;
  pending(): Promise<Pending[]>;
  approve(person: Id): Promise<void>;
  endMember(person: Id): Promise<void>;

  devices(): Promise<Device[]>;
  revokeDevice(device: Id, reason: string): Promise<void>;
  linkDevice(): Promise<Link>;
  fingerprint(): Promise<string>;
}
