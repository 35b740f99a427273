/**
 * The own hospital's audit log, for its registrars and auditors.
 *
 * Invariant: nothing is kept on the device, and nothing is asked that nobody looks at: every call here is an event of the log.
 */
import type { Api } from "./api";
import type { Results } from "./wire";

export type Outcome = "success" | "refused" | "failed";

export interface AuditFilter {
  since?: string;
  /** Itself out. */
  until?: string;
  /** Id or pseudonym. */
  person?: string;
  /** A bed request with all its conversations. */
  request?: string;
  subject?: string;
  /** Whole actions (`beds.confirm`) or parts (`beds.`). */
  action?: string[];
  outcome?: Outcome[];
}

export interface AuditAgent {
  /** A pseudonym; null: nobody was signed in, or the service itself. */
  person: string | null;
  name: string;
  title: string;
  profession: string;
  hospital: string | null;
  role: string | null;
  device: string | null;
  method: string;
  is_erased: boolean;
}

/** One of those to whom it went; a person by pseudonym. */
export interface AuditRecipient { principal: string; kind: string; hospital: string }

export interface AuditEvent {
  place: number;
  at: string;
  action: string;
  outcome: Outcome;
  agent: AuditAgent;
  hospitals: string[];
  subjects: Record<string, string>;
  detail: Record<string, unknown>;
  digest: string | null;
  to: AuditRecipient[];
  leaf_hash: string;
}

export interface Disclosure extends AuditEvent { recipients: string[]; purpose: string }
/** `is_reviewed`: of an emergency access, whether there is a review of it. */
export interface Broken extends AuditEvent { is_reviewed: boolean }
/** `unreviewed`: of emergency accesses, how many in the whole log. */
export interface AuditPage<T extends AuditEvent = AuditEvent> { results: T[]; next: number | null; unreviewed?: number }

/** What a list of events is about. */
export type Looked =
  | { at: "events"; filter: AuditFilter }
  | { at: "timeline"; filter: AuditFilter }
  | { at: "disclosures"; request: string }
  | { at: "break-glass" }
  | { at: "sign-in-failures" };

export interface ActivityHour { hour: string; events: number; refused: number; people: number }

export interface RosterTerm { reason: string; started_at: string; until: string | null; ended_at: string | null; end_reason: string }
export interface RosterRow {
  person: string; pseudonym: string; name: string; title: string; profession: string; kind: string; state: string; is_registrar: boolean;
  created_at: string; started_at: string | null; ended_at: string | null; auditor_terms: RosterTerm[];
}

export interface NewReview {
  /** Made here. */
  id: string;
  since: string;
  until: string;
  scope: string;
  finding: string;
  action: string;
  subject: string | null;
  place: number | null;
}
export interface Review extends NewReview { reviewer: string; reviewed_at: string }

export type ExportFormat = "bundle" | "fhir" | "csv";
export interface AuditExport {
  id: string;
  format: ExportFormat;
  state: "waiting" | "running" | "ready" | "failed" | "gone";
  wanted: Record<string, unknown>;
  size: number;
  is_mine: boolean;
  progress: { done: number; total: number | null; events: number; bytes: number };
  sha256: string | null;
  created_at: string;
  finished_at: string | null;
  expires_at: string | null;
  content_url: string | null;
}

export interface WitnessRow { name: string; state: string; size: number; cosigned_at: string | null; behind_seconds: number }
export interface Witnesses { signed: number; shown: number; results: WitnessRow[] }

/** The own hospital's log as every stranger may see it: its public key and its newest signed checkpoint. */
export interface SignedLog { id: string; origin: string; key: string; note: string }

interface LogRow { id: string; hospital: string | null; origin: string; key: string }

export class Audit {
  readonly #api: Api;
  readonly #hospital: string;

  constructor(api: Api, hospital: string) {
    this.#api = api;
    this.#hospital = hospital;
  }

  async events(looked: Looked, cursor: number | null = null): Promise<AuditPage<AuditEvent | Disclosure | Broken>> {
    const query = queryOf("filter" in looked ? looked.filter : {});
    if (cursor !== null) query.set("cursor", String(cursor));
    const path = looked.at === "disclosures" ? `disclosures/${looked.request}` : looked.at;
    return this.#api.get(`/audit/${path}?${query}`);
  }

  async activity(since: string, until: string): Promise<ActivityHour[]> {
    return (await this.#api.get<Results<ActivityHour>>(`/audit/activity?${new URLSearchParams({ since, until })}`)).results;
  }

  async roster(): Promise<RosterRow[]> {
    return (await this.#api.get<Results<RosterRow>>("/audit/roster")).results;
  }

  async reviews(): Promise<Review[]> {
    return (await this.#api.get<Results<Review>>("/audit/reviews")).results;
  }

  /** Its id is the key of the write too: pressed twice, there is one. */
  async addReview(review: NewReview): Promise<Review> {
    return this.#api.post("/audit/reviews", review, review.id);
  }

  async exports(): Promise<AuditExport[]> {
    return (await this.#api.get<Results<AuditExport>>("/audit/exports")).results;
  }

  async askExport(format: ExportFormat, filter: AuditFilter): Promise<AuditExport> {
    return this.#api.post("/audit/exports", { format, filter });
  }

  async export(id: string): Promise<AuditExport> {
    return this.#api.get(`/audit/exports/${id}`);
  }

  async deleteExport(id: string): Promise<void> {
    return this.#api.delete(`/audit/exports/${id}`);
  }

  async witnesses(): Promise<Witnesses> {
    return this.#api.get("/audit/witnesses");
  }

  async signedLog(): Promise<SignedLog | null> {
    const { results } = await this.#api.get<Results<LogRow>>("/audit/logs/");
    const own = results.find(({ hospital }) => hospital === this.#hospital);
    return own ? { ...own, note: await this.#api.text(`/audit/logs/${own.id}/checkpoint`) } : null;
  }
}

export function queryOf(filter: AuditFilter): URLSearchParams {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(filter) as [string, string | string[] | undefined][]) {
    for (const each of Array.isArray(value) ? value : [value]) if (each) query.append(name, each);
  }
  return query;
}
