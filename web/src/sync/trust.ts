/**
 * Who is who, as proved.
 *
 * Invariant: a key or a name comes out of here only if its statement chains to a pinned root; what the server merely lists has no name and
 * nothing is sealed to it. Nor is anything sealed to a hospital whose log of statements does not fit what was seen of it before.
 */
import {
  b64u, type Bytes, type Device, Directory, equal, fingerprint, keyId, leafHash, onlyProtocol, openProfile, parseStatement, type Profile, ProtocolError, type Recipient,
  type SignedHead, type SignedStatement, type Statement, unb64u, Watching,
} from "../crypto";
import type { LocalStore, StatementRow } from "../store";
import { type Api, ApiError, pages } from "./api";
import { shownLogs } from "./logs";
import { Value } from "./observable";
import { type AboutMe, type DirectoryView, type DutyRole, EMPTY_DIRECTORY, type Person } from "./types";
import type { DirectoryWire, StatementsWire, StatementWire } from "./wire";

const LOOK_AGAIN_MS = 60_000;

/** Whose directory it is. The key of what is kept changes when the person's own does. */
interface Me { readonly person: string; readonly hospital: string; readonly storeKey: Bytes }

export class Trust {
  readonly view = new Value<DirectoryView>(EMPTY_DIRECTORY);
  directory: Directory;
  watching: Watching;
  /** Hospital to the root public key known from the link or invitation. */
  readonly pins: ReadonlyMap<string, Bytes>;
  readonly #api: Api;
  readonly #store: LocalStore;
  #order = 0;
  #headsOrder = 0;
  /** One look at a time: two at once would both start from the same place. */
  #learning: Promise<void> = Promise.resolve();
  readonly #lookedForAt = new Map<string, number>();
  #unproved: Statement[] = [];
  readonly #me: Me;
  /** How many statements of the own hospital this device has seen; what comes after is new. */
  #seen = 0;
  readonly #signedHere = new Set<string>();
  /** As `#signedHere`, from one unlocking to the next: a registrar may take until tomorrow. */
  #expected: string[] = [];
  #aboutMe: AboutMe[] = [];

  constructor(api: Api, store: LocalStore, pins: ReadonlyMap<string, Bytes>, me: Me) {
    this.#api = api;
    this.#me = me;
    this.watching = new Watching(me.hospital);
    this.#store = store;
    this.pins = pins;
    this.directory = new Directory(pins);
  }

  /** What was known last time, at once and without the network. */
  async load(): Promise<void> {
    const seen = await this.#store.heads();
    this.watching = new Watching(this.#me.hospital, seen?.heads);
    this.#order = seen?.order ?? 0;
    this.#expected = (await this.#store.snapshot<string[]>(this.#me.storeKey, "expected")) ?? [];
    this.#aboutMe = (await this.#store.snapshot<AboutMe[]>(this.#me.storeKey, "about-me")) ?? [];
    await this.#learn(await this.#store.statements());
    this.#seen = this.watching.size(this.#me.hospital);
    const kept = await this.#store.snapshot<DirectoryWire>(this.#me.storeKey, "directory");
    if (kept) this.view.set(await this.#prove(kept));
  }

  async refresh(): Promise<void> {
    await this.learnNew();
    const wire = await this.#api.get<DirectoryWire>("/directory");
    // Accepted only now: what it stated before that was passed over.
    const unseen = wire.hospitals.filter(({ id }) => this.watching.size(id) === 0);
    if (unseen.length > 0) await this.#inLine(() => this.#learnNow(unseen.map(({ id }) => id)));
    await this.#store.putSnapshot(this.#me.storeKey, "directory", wire);
    this.view.set(await this.#prove(wire));
  }

  /** Statements made since the last time. */
  async learnNew(): Promise<void> {
    return this.#inLine(() => this.#learnNow([]));
  }

  async #inLine(act: () => Promise<void>): Promise<void> {
    const next = this.#learning.then(act);
    this.#learning = next.catch(() => undefined);
    return next;
  }

  /** `unseen`: hospitals of which nothing is here yet. */
  async #learnNow(unseen: readonly string[]): Promise<void> {
    this.#order = await this.#learnAfter(this.#order);
    for (const hospital of new Set([...unseen, ...this.watching.gaps()])) await this.#learnAfter(0, hospital);
    await this.#settle();
    this.#seen = this.watching.size(this.#me.hospital);
  }

  /** Takes every page after `order`; returns how far they reached. */
  async #learnAfter(order: number, hospital?: string): Promise<number> {
    let reached = order;
    const asked = hospital ? `heads=0&hospital=${hospital}` : `heads=${this.#headsOrder}`;
    for await (const { results, heads } of pages<StatementsWire>(this.#api, `/statements?after=${order}&${asked}`)) {
      const rows = await Promise.all(results.map(rowOf));
      await this.#learn(rows);
      for (const head of heads) await this.watching.sign(head.hospital, head.note, unb64u(head.key));
      this.#headsOrder = Math.max(this.#headsOrder, ...heads.map((head) => head.order));
      await this.#store.addStatements(rows);
      reached = Math.max(reached, ...results.map((row) => row.order));
    }
    return reached;
  }

  async #settle(): Promise<void> {
    await this.watching.settle(Date.now());
    await this.#store.putHeads({ order: this.#order, heads: await this.watching.keep() });
    this.view.set({ ...this.view.value, ...(await this.#shownLogs()) });
  }

  async #shownLogs(): Promise<Pick<DirectoryView, "logs" | "aboutMe">> {
    return { logs: await shownLogs(this.watching, this.directory), aboutMe: this.#aboutMe };
  }

  /** What somebody one talks with has verified. Never awaited: a message is read whatever comes of it. */
  hear(heads: readonly SignedHead[], by: string): void {
    if (!this.watching.hear(heads, by)) return;
    // What cannot be fetched now is compared when something can.
    void this.#inLine(() => (this.watching.isBehind ? this.#learnNow([]) : this.#settle())).catch(onlyApi);
  }

  /** The verified heads of these principals' hospitals, for an epoch's header. */
  headsOf(principals: readonly string[]): SignedHead[] {
    return this.watching.headsOf(principals.map((id) => this.directory.principal(id).hospital));
  }

  /** Hands in a statement made here, with what goes beside it, and watches that it is shown from then on. */
  async state(path: string, statement: SignedStatement & { digest: string }, beside: Record<string, unknown> = {}): Promise<void> {
    this.#signedHere.add(statement.digest);
    await this.#api.post(path, { ...beside, statement: { h: b64u(statement.h), s: b64u(statement.s) } });
    this.watching.expect(await leafHash(statement));
  }

  /** Digests of statements made here, and ids of X-Wing keys, that are to come into force later: then they are no news to the person. */
  async expect(marks: readonly string[]): Promise<void> {
    this.#expected = [...marks];
    await this.#store.putSnapshot(this.#me.storeKey, "expected", this.#expected);
  }

  /** Two people have compared, or a registrar has explained: what the service shows of this hospital now is believed. */
  async accept(hospital: string): Promise<void> {
    await this.#inLine(async () => {
      await this.watching.accept(hospital);
      await this.#store.dropStatements();
      [this.directory, this.#unproved, this.#order, this.#headsOrder] = [new Directory(this.pins), [], 0, 0];
      await this.#learnNow([]);
    });
    await this.refresh();
  }

  /** The person has seen that. */
  async dismissAboutMe(): Promise<void> {
    this.#aboutMe = [];
    await this.#store.putSnapshot(this.#me.storeKey, "about-me", []);
    this.view.set({ ...this.view.value, aboutMe: [] });
  }

  async #learn(rows: readonly StatementRow[]): Promise<void> {
    const read: Statement[] = [];
    for (const { hospital, place, leaf, signed } of rows) {
      // A statement this client cannot read proves nothing to it; it must not hide the others.
      const statement = signed && (await parseStatement(signed).catch(onlyProtocol));
      // It belongs to the log of the hospital that signed it, whatever is said beside it.
      await this.watching.take(statement?.hospital ?? hospital, place, leaf);
      if (statement) read.push(statement);
      if (statement && place >= this.#seen && this.#seen > 0) await this.#noteMine(statement);
    }
    const refused = await this.directory.extend([...this.#unproved, ...read]);
    this.#unproved = refused.filter(({ code }) => code === "statement.no_chain").map(({ statement }) => statement);
  }

  /** A device, a revocation or keys of one's own that appeared without one's doing is what a thief or a liar would leave. */
  async #noteMine(statement: Statement): Promise<void> {
    const { kind, digest, at, subject, body } = statement;
    const isAboutDevice = "principal" in body;
    if ((isAboutDevice ? body.principal : subject) !== this.#me.person || this.#signedHere.has(digest)) return;
    if (this.#expected.includes(digest) || ("kem" in body && this.#expected.includes(b64u(await keyId(body.kem))))) return;
    if (this.#aboutMe.some((known) => known.digest === digest)) return;
    this.#aboutMe = [...this.#aboutMe, { digest, kind, device: isAboutDevice ? subject : null, at }];
    await this.#store.putSnapshot(this.#me.storeKey, "about-me", this.#aboutMe);
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
    return { hospitals, people: await Promise.all(people), roles: await Promise.all(roles), ...(await this.#shownLogs()) };
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

  /**
   * The proved X-Wing key behind each `[principal, kid]`. Throws `statement.no_chain` if one is not proved or is not that key, a `directory`
   * code if a hospital's log does not fit.
   */
  async recipients(wanted: readonly (readonly [principal: string, kid: string])[]): Promise<Recipient[]> {
    if (!(await this.#areKnown(wanted))) await this.learnNew();
    return Promise.all(
      wanted.map(async ([principal, kid]) => {
        const { kem, hospital } = this.directory.principal(principal);
        this.watching.check(hospital);
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

  /** Current proved recipients for these principals and the archives of their hospitals. Throws as `recipients`. */
  membersWithArchives(principals: readonly string[]): Recipient[] {
    const members = principals.map((id) => this.directory.principal(id));
    const hospitals = new Set(members.map(({ hospital }) => hospital));
    for (const hospital of hospitals) this.watching.check(hospital);
    const archives = [...hospitals].flatMap((hospital) => this.directory.archives(hospital));
    const all = new Map([...members, ...archives].map(({ id, kem }) => [id, kem]));
    return [...all].map(([principal, kem]) => ({ principal, kem }));
  }
}

async function rowOf({ order, hospital, place, h, s, leaf }: StatementWire): Promise<StatementRow> {
  const signed = h !== null && s !== null ? { h: unb64u(h), s: unb64u(s) } : null;
  return { order, hospital, place, signed, leaf: signed ? await leafHash(signed) : unb64u(leaf ?? "", 32) };
}

function onlyApi(error: unknown): void {
  if (!(error instanceof ApiError)) throw error;
}
