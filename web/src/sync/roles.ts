/**
 * Duty roles as a registrar makes and renews them (docs/protocol.md section 9).
 *
 * Invariant: a generation is sealed here to proved colleagues alone and sent in one piece: interrupted, the former one stands and the next try
 * begins anew. Its seed is known here while that lasts, and kept by nobody who is not eligible.
 */
import {
  b64u, type Bytes, keyId, makeProfile, principalKeys, profileDigest, ProtocolError, random, sealHistory, sealRoleSeed, type StatementOf,
} from "../crypto";
import { ApiError } from "./api";
import type { Ground } from "./epochs";
import { Value } from "./observable";
import { state } from "./stating";

export type DueReason = "left" | "device_lost" | "key_renewed";

export interface RoleStanding {
  id: string;
  name: string;
  unit: string | null;
  categories: string[];
  /** 0: the role is not there yet. */
  generation: number;
  eligible: string[];
  /** Why new keys are due, oldest first. */
  due: { reason: DueReason; person: string; since: string }[];
  /** Whoever was added lately cannot open older cases until a colleague's phone has handed them on. */
  lacks_history: boolean;
}

export interface RoleOffice { results: RoleStanding[]; units: { id: string; name: string }[] }
export interface RoleDraft { name: string; unit: string | null; categories: string[]; eligible: string[] }
/** So many of so many colleagues are sealed to. */
export interface Sealing { role: string; done: number; of: number }

type Described = Pick<RoleStanding, "id" | "name" | "unit" | "categories">;
interface SealWire { person: string; kid: string; sealed: string }

/** Seals in a row before the screen gets its turn: X-Wing is plain JavaScript, some milliseconds each on a phone. */
const AT_A_TIME = 4;
/** Somebody else stated the role meanwhile. */
const OVERTAKEN = ["role.generation", "role.stale_seals", "statement.stale", "statement.fork"];

export class Roles {
  /** The generation being made now; null between. */
  readonly sealing = new Value<Sealing | null>(null);
  readonly office = new Value<RoleOffice | null>(null);
  readonly #ground: Ground;
  #renewing: Promise<void> | null = null;

  constructor(ground: Ground) {
    this.#ground = ground;
  }

  async refresh(): Promise<void> {
    this.office.set(await this.#ground.api.get<RoleOffice>("/roles"));
  }

  async create(draft: RoleDraft): Promise<void> {
    await this.#next({ id: crypto.randomUUID(), ...draft }, 1, draft.eligible);
    await this.#settle();
  }

  /** Who may hold it decides: others than before are a new generation, the same people keep their keys. */
  async change(role: RoleStanding, draft: RoleDraft): Promise<void> {
    await this.#ground.trust.learnNew();
    const isSame = draft.eligible.length === role.eligible.length && draft.eligible.every((person) => role.eligible.includes(person));
    if (isSame && role.due.length === 0) await this.#describe({ ...draft, id: role.id });
    else await this.#next({ ...draft, id: role.id }, role.generation + 1, draft.eligible);
    await this.#settle();
  }

  async close(role: RoleStanding): Promise<void> {
    await this.#ground.api.post(`/roles/${role.id}/close`);
    await this.#settle();
  }

  /** New keys for every role that is due, one after the other. One run at a time. */
  async renewDue(): Promise<void> {
    this.#renewing ??= this.#renewDue().finally(() => (this.#renewing = null));
    return this.#renewing;
  }

  async #renewDue(): Promise<void> {
    await this.refresh();
    const due = (this.office.value?.results ?? []).filter((role) => role.due.length > 0);
    if (due.length === 0) return;
    await this.#ground.trust.learnNew();
    for (const role of due) {
      const eligible = this.#stillEligible(role);
      // Without anybody left the open cases would be nobody's: the registrar has to name somebody.
      if (eligible.length > 0) await this.#next(role, role.generation + 1, eligible).catch(ifOvertaken);
    }
    await this.#settle();
  }

  /** Of those a registrar signed the ones the server still lists: here it can make the list shorter and not longer. */
  #stillEligible(role: RoleStanding): string[] {
    return this.#ground.trust.directory.principal(role.id).eligible.filter((person) => role.eligible.includes(person));
  }

  async #next(role: Described, generation: number, eligible: readonly string[]): Promise<void> {
    const { ring } = this.#ground;
    const seed = random(32);
    const { kem } = await principalKeys(seed);
    const profile = makeProfile({ name: role.name, title: "", profession: "", speciality: "", unit: "" });
    const body = { generation, kem: kem.publicKey, profile: await profileDigest(profile), eligible: [...eligible] };
    const statement = await state(this.#ground, "role", role.id, body);
    try {
      const seals = await this.#seals(role.id, seed, statement.h, eligible);
      const former = ring.roleSeed(role.id, generation - 1);
      const history = former ? b64u(await sealHistory(seed, role.id, generation - 1, former)) : null;
      await this.#post(role, profile, statement, seals, history);
    } finally {
      seed.fill(0);
      this.sealing.set(null);
    }
  }

  async #seals(role: string, seed: Bytes, statement: Bytes, eligible: readonly string[]): Promise<SealWire[]> {
    const seals: SealWire[] = [];
    for (const person of eligible) {
      const kem = this.#proved(person);
      seals.push({ person, kid: b64u(await keyId(kem)), sealed: b64u(await sealRoleSeed(seed, kem, statement)) });
      this.sealing.set({ role, done: seals.length, of: eligible.length });
      if (seals.length % AT_A_TIME === 0) await new Promise((resume) => setTimeout(resume));
    }
    return seals;
  }

  /** The key of a colleague, proved by chain, in a log that fits. Throws `statement.no_chain` or a `directory` code. */
  #proved(person: string): Bytes {
    const { kind, hospital, kem } = this.#ground.trust.directory.principal(person);
    this.#ground.trust.watching.check(hospital);
    if (kind !== "member" || hospital !== this.#ground.ring.hospital) throw new ProtocolError("statement.no_chain", `no colleague: ${person}`);
    return kem;
  }

  async #describe(role: Described): Promise<void> {
    const former = this.#ground.trust.directory.latest("role", role.id);
    if (!former) throw new ProtocolError("statement.no_chain", `role ${role.id}`);
    const profile = makeProfile({ name: role.name, title: "", profession: "", speciality: "", unit: "" });
    const statement = await state(this.#ground, "role", role.id, { ...former.body, profile: await profileDigest(profile) });
    await this.#post(role, profile, statement, [], null);
  }

  async #post(described: Described, profile: Bytes, statement: StatementOf<"role">, seals: SealWire[], history: string | null): Promise<void> {
    const { id, name, unit, categories } = described;
    await this.#ground.trust.state("/roles", statement, { id, name, unit, categories, profile: b64u(profile), seals, history });
  }

  async #settle(): Promise<void> {
    await Promise.all([this.refresh(), this.#ground.trust.refresh()]);
  }
}

/** Another registrar was quicker: then it is done, or due again and seen at the next look. */
function ifOvertaken(error: unknown): void {
  if (!(error instanceof ApiError) || !OVERTAKEN.includes(error.code)) throw error;
}
