/** The shapes of the API (docs/api-contract.md), as far as the client reads them; binary values are base64url. */
import type { Category, Emergency, Gap, Hospital, Turn } from "./types";

export interface SessionWire {
  person: string | null;
  device: string | null;
  hospital: string | null;
  state: "anonymous" | "pending" | "active";
  is_registrar: boolean;
  is_auditor: boolean;
  expires_at: string | null;
  idle_lock_seconds: number;
  roles_on_duty: string[];
  /** Why the cookie sent is no longer good. */
  lapse: "session.ended" | "device.revoked" | "membership.ended" | null;
  /** The hospital's own sign-in service; `label`: the account connected there. */
  sso: { name: string; is_required: boolean; label: string | null } | null;
}

export interface UnlockWire {
  wraps: WrapRowWire[];
  keys: GenerationWire[];
}

export interface WrapRowWire {
  kind: "passkey" | "recovery" | "device";
  credential_id: string | null;
  device: string | null;
  generation: number;
  wrap: string;
  share: string;
}

export interface GenerationWire { generation: number; history: string | null }

export interface StatementWire { order: number; hospital: string; place: number; h: string | null; s: string | null; leaf: string | null }

export interface StatementsWire {
  next?: string | null;
  results: StatementWire[];
  heads: { order: number; hospital: string; note: string; key: string }[];
}

export interface DirectoryWire {
  hospitals: (Hospital & { root: string | null })[];
  people: { id: string; hospital: string; profile: string; kind: "human" | "archive"; is_registrar: boolean }[];
  roles: {
    id: string;
    hospital: string;
    unit: string | null;
    profile: string;
    categories: Category[];
    on_duty: { person: string | null; since: string; until: string | null } | null;
  }[];
}

export interface DutyWire {
  role: string;
  holder: string | null;
  since: string | null;
  until: string | null;
  sealed: string;
  generation: number;
  keys: GenerationWire[];
  /** A snapshot kept by an older version of this client has none. */
  turns?: Turn[];
  gaps?: Gap[];
}

export interface PendingMemberWire {
  person: string;
  name: string;
  title: string;
  profession: string;
  speciality: string;
  unit: string;
  keys: { kem: string; sign: string };
  profile: string;
  account: string | null;
}

export interface OfferedKeyWire { person: string; generation: number; keys: { kem: string; sign: string }; profile: string; offered_at: string }

/** How far the renewal of the own key is; `device` made what waits. */
export interface RestorationWire {
  id: string;
  person: string;
  started_by: string;
  expires_at: string;
  ask: string | null;
  approved_by: string[];
  /** For officers alone: the deposit's header, and the share sealed to this one. */
  deposit: string | null;
  sealed: string | null;
}

export interface KeyStandingWire { generation: number; due_since: string | null; state: "none" | "waiting" | "outdated"; device: string | null }

export interface ConversationWire {
  id: string;
  kind: "direct" | "case";
  epoch: number;
  last_sequence: number;
  delivered_sequence: number;
  last_at: string | null;
  closed_at?: string | null;
  members: { principal: string; kind: string; hospital: string }[];
  awaited: { principal: string; kind: string; hospital: string }[];
  request: string | null;
  emergencies: Emergency[];
}

export interface ConversationDetailWire extends ConversationWire {
  recipients: [principal: string, kid: string][];
  receipts: { person: string; delivered_sequence: number }[];
}

export interface MessageWire {
  sequence: number;
  id: string;
  epoch: number;
  person: string;
  role: string | null;
  device: string;
  priority: string;
  created_at: string;
  h: string;
  c: string;
  s: string;
  acknowledged: { person: string; role: string | null; at: string }[];
}

export interface EpochWire {
  epoch: number;
  h: string;
  s: string;
  wraps_digest: string;
  wraps: { principal: string; wrap: string }[];
}

export interface Results<T> {
  results: T[];
}
