/**
 * Who is who, as proved.
 *
 * Invariant: a key or a name comes out of here only if its statement chains to a pinned root; what the server merely lists has no name and
 * nothing is sealed to it.
 */
import {
  b64u, type Bytes, type Device, Directory, equal, fingerprint, keyId, openProfile, parseStatement, type Profile, ProtocolError, type Recipient, type Statement,
  unb64u,
} from "../crypto";
import type { LocalStore, StatementRow } from "../store";
import { type Api, allPages } from "./api";
import { Value } from "./observable";
import type { DirectoryView, DutyRole, Person } from "./types";
import type { DirectoryWire, StatementWire } from "./wire";

const LOOK_AGAIN_MS = 60_000;
const EMPTY: DirectoryView = { hospitals: [], people: [], roles: [] };

export class Trust {
  readonly view = new Value<DirectoryView>(EMPTY);
  directory: Directory;
  /** Hospital to the root public key known from the link or invitation. */
  readonly pins: ReadonlyMap<string, Bytes>;
  readonly #api: Api;
  readonly #store: LocalStore;
  readonly #storeKey: Bytes;
  #order = 0;
  /** One look at a time: two at once would both start from the same place. */
  #learning: Promise<void> = Promise.resolve();
  readonly #lookedForAt = new Map<string, number>();
  #unproved: Statement[] = [];

  constructor(api: Api, store: LocalStore, storeKey: Bytes, pins: ReadonlyMap<string, Bytes>) {
    this.#api = api;
    this.#store = store;
    this.#storeKey = storeKey;
    this.pins = pins;
    this.directory = new Directory(pins);
  }

  /** What was known last time, at once and without the network. */
  async load(): Promise<void> {
    await this.#learn(await this.#store.statements());
    const kept = await this.#store.snapshot<DirectoryWire>(this.#storeKey, "directory");
    if (kept) this.view.set(await this.#prove(kept));
  }

  async refresh(): Promise<void> {
    await this.learnNew();
    const wire = await this.#api.get<DirectoryWire>("/directory");
    await this.#store.putSnapshot(this.#storeKey, "directory", wire);
    this.view.set(await this.#prove(wire));
  }

  /** Statements made since the last time. */
  async learnNew(): Promise<void> {
    const next = this.#learning.then(() => this.#learnNow());
    this.#learning = next.catch(() => undefined);
    return next;
  }

  async #learnNow(): Promise<void> {
    const wires = await allPages<StatementWire>(this.#api, `/statements?after=${this.#order}`);
    const rows = wires.map(({ order, h, s }) => ({ order, h: unb64u(h), s: unb64u(s) }));
    await this.#learn(rows);
    await this.#store.addStatements(rows);
  }

  async #learn(rows: readonly StatementRow[]): Promise<void> {
    const read: Statement[] = [];
    for (const row of rows) {
      this.#order = Math.max(this.#order, row.order);
      // A statement this client cannot read proves nothing to it; it must not hide the others.
      const statement = await parseStatement(row).catch(onlyProtocol);
      if (statement) read.push(statement);
    }
    const refused = await this.directory.extend([...this.#unproved, ...read]);
    this.#unproved = refused.filter(({ code }) => code === "statement.no_chain").map(({ statement }) => statement);
  }

  async #prove(wire: DirectoryWire): Promise<DirectoryView> {
    const people = wire.people.map(async ({ id, hospital, kind, profile, is_registrar }): Promise<Person> => {
      const proved = await this.#profile(id, hospital, profile);
      const principal = proved && this.directory.principal(id);
      return {
        id,
        hospital,
        kind,
        isRegistrar: is_registrar && this.directory.isRegistrar(id),
        ...(proved ?? { name: "", title: "", profession: "", speciality: "", unit: "" }),
        isProved: proved !== null,
        fingerprint: principal?.sign ? await fingerprint(principal.kem, principal.sign) : null,
      };
    });
    const roles = wire.roles.map(async ({ id, hospital, unit, profile, categories, on_duty }): Promise<DutyRole> => {
      const proved = await this.#profile(id, hospital, profile);
      const eligible = proved ? this.directory.principal(id).eligible : [];
      return { id, hospital, unit, name: proved?.name ?? "", categories, eligible, isProved: proved !== null, onDuty: on_duty };
    });
    const hospitals = wire.hospitals.map(({ id, slug, name, city, latitude, longitude }) => ({ id, slug, name, city, latitude, longitude }));
    return { hospitals, people: await Promise.all(people), roles: await Promise.all(roles) };
  }

  /** The signed profile of a principal of that hospital, or null. */
  async #profile(id: string, hospital: string, profile: string): Promise<Profile | null> {
    try {
      const principal = this.directory.principal(id);
      // A partner must not lend its own people to another hospital.
      if (principal.hospital !== hospital) return null;
      return await openProfile(unb64u(profile), principal.profile);
    } catch (error) {
      return onlyProtocol(error);
    }
  }

  /** The proved X-Wing key behind each `[principal, kid]`. Throws `statement.no_chain` if one is not proved or is not that key. */
  async recipients(wanted: readonly (readonly [principal: string, kid: string])[]): Promise<Recipient[]> {
    if (!(await this.#areKnown(wanted))) await this.learnNew();
    return Promise.all(
      wanted.map(async ([principal, kid]) => {
        const { kem } = this.directory.principal(principal);
        if (b64u(await keyId(kem)) !== kid) throw new ProtocolError("statement.no_chain", `key of ${principal}`);
        return { principal, kem };
      }),
    );
  }

  /**
   * The key of a device that belonged to `person` when it signed. Throws `statement.no_chain`, `statement.fork`, `statement.revoked`.
   */
  async deviceAt(device: string, person: string, at: string): Promise<Bytes> {
    const found = await this.#deviceEver(device);
    if (found.principal !== person) throw new ProtocolError("statement.no_chain", "device of another");
    if (found.revoked && at >= found.revoked.at) throw new ProtocolError("statement.revoked", device);
    return found.sign;
  }

  async #deviceEver(device: string): Promise<Device> {
    try {
      return this.directory.deviceEver(device);
    } catch (error) {
      // A device enrolled a minute ago is in the statements made since the last look; a stranger's is in none, however often one looks.
      if (!(error instanceof ProtocolError) || Date.now() - (this.#lookedForAt.get(device) ?? 0) < LOOK_AGAIN_MS) throw error;
      this.#lookedForAt.set(device, Date.now());
      await this.learnNew();
      return this.directory.deviceEver(device);
    }
  }

  async #areKnown(wanted: readonly (readonly [principal: string, kid: string])[]): Promise<boolean> {
    try {
      for (const [principal, kid] of wanted) {
        if (!equal(await keyId(this.directory.principal(principal).kem), unb64u(kid))) return false;
      }
      return true;
    } catch (error) {
      onlyProtocol(error);
      return false;
    }
  }

  /** Current proved recipients for these principals and the archives of their hospitals. */
  membersWithArchives(principals: readonly string[]): Recipient[] {
    const members = principals.map((id) => this.directory.principal(id));
    const hospitals = new Set(members.map(({ hospital }) => hospital));
    const archives = [...hospitals].flatMap((hospital) => this.directory.archives(hospital));
    const all = new Map([...members, ...archives].map(({ id, kem }) => [id, kem]));
    return [...all].map(([principal, kem]) => ({ principal, kem }));
  }
}

/** Lets a refusal by the protocol be null, and any other error be an error. */
export function onlyProtocol(error: unknown): null {
  if (error instanceof ProtocolError) return null;
  throw error;
}
