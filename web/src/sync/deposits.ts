/**
 * The hospital's recovery officers: the own key deposited for them, and a colleague's key given back (docs/protocol.md section 3.6).
 *
 * Invariant: a seed is sealed only to officers whom the hospital's root names in the key directory, as proved here; an officer's share leaves
 * her device only for the one device whose fingerprint was shown, and only while she is an officer of the deposit's very statement.
 */
import {
  askFingerprint, type Ask, b64u, type Bytes, type Deposit, formatRestoration, handOn, keyId, makeDeposit, onlyProtocol, OFFICERS, parseAsk, parseDeposit,
  ProtocolError, random, signApproval, type StatementOf, timestamp, unb64u,
} from "../crypto";
import { ApiError } from "./api";
import type { Ground } from "./epochs";
import type { Value } from "./observable";
import type { Address } from "./office";
import { stateByRoot } from "./stating";
import type { DepositStanding, OfficersOverview, RestorationView } from "./types";
import type { RestorationWire, Results } from "./wire";

const LOOK_AGAIN_MS = 10 * 60 * 1000;

/** What the service showed, parsed: what is approved is what was on the screen. */
interface Held { ask: Ask | null; deposit: Deposit | null; sealed: Bytes | null }

export class Deposits {
  readonly #ground: Ground;
  readonly #root: Bytes;
  readonly #shown: Value<RestorationView[]>;
  #held = new Map<string, Held>();
  /** For which statement and generation the service was asked already: once in a session is enough. */
  #keptFor = "";
  #lookedAt = 0;

  constructor(ground: Ground, root: Bytes, shown: Value<RestorationView[]>) {
    this.#ground = ground;
    this.#root = root;
    this.#shown = shown;
  }

  // --- the own key

  async standing(): Promise<DepositStanding> {
    return this.#ground.api.get<DepositStanding>("/deposit");
  }

  /** After unlocking, and when the officers or the own key have changed: deposits it if that is due. */
  async keep(): Promise<void> {
    const { ring, trust } = this.#ground;
    const keepsFor = `${trust.directory.officers(ring.hospital)?.digest ?? ""} ${ring.generation}`;
    // A bell may have rung while there was no socket.
    if (this.#keptFor === keepsFor) return Date.now() - this.#lookedAt > LOOK_AGAIN_MS ? this.look() : undefined;
    this.#keptFor = keepsFor;
    const [{ state }] = await Promise.all([this.standing(), this.look()]);
    if (state === "due") await this.#make(false);
  }

  /** The person wants it, after having said no. */
  async wantAgain(): Promise<DepositStanding> {
    await this.#ground.trust.learnNew();
    return this.#make(true);
  }

  /** What was deposited is gone at once. */
  async decline(): Promise<DepositStanding> {
    return this.#ground.api.post<DepositStanding>("/deposit/decline");
  }

  async #make(is_wanted_again: boolean): Promise<DepositStanding> {
    const { api, ring } = this.#ground;
    const named = this.#named();
    const { person, hospital, generation, seed } = ring;
    const about = { hospital, person, generation, named: unb64u(named.digest, 32), at: timestamp() };
    const { deposit, sealed } = await makeDeposit(seed, about, await this.#kems(named.body.officers));
    return api.post<DepositStanding>("/deposit", { header: b64u(deposit.h), sealed: sealed.map((each) => b64u(each)), is_wanted_again });
  }

  /** The statement that names the officers now, as the hospital's root signed it and its log shows it. */
  #named(): StatementOf<"recovery"> {
    const { ring, trust } = this.#ground;
    trust.watching.check(ring.hospital);
    const named = trust.directory.officers(ring.hospital);
    if (!named) throw new ProtocolError("statement.no_chain", "no officers are named");
    return named;
  }

  /** Proved, and with the keys that the root named: another key is one that two people did not agree on. Throws `statement.no_chain`. */
  async #kems(officers: readonly (readonly [string, Bytes])[]): Promise<Bytes[]> {
    const { ring, trust } = this.#ground;
    const found = await trust.recipients(officers.map(([person, kid]) => [person, b64u(kid)]));
    if (found.some(({ principal }) => trust.directory.principal(principal).hospital !== ring.hospital)) throw new ProtocolError("statement.no_chain", "an officer of another hospital");
    return found.map(({ kem }) => kem);
  }

  // --- attempts under way

  /** For officers, registrars, and whoever they are about. */
  async look(): Promise<void> {
    this.#lookedAt = Date.now();
    const { results } = await this.#ground.api.get<Results<RestorationWire>>("/restorations");
    const read = await Promise.all(results.map((row) => this.#read(row).catch(onlyProtocol)));
    const found = read.filter((each) => each !== null);
    this.#held = new Map(found.map(({ view, held }) => [view.id, held]));
    this.#shown.set(found.map(({ view }) => view));
  }

  /** Throws a `ProtocolError` where the device asks for something else than it is shown for: nobody is asked to compare that. */
  async #read(row: RestorationWire): Promise<{ view: RestorationView; held: Held }> {
    const { ring } = this.#ground;
    const ask = row.ask === null ? null : await parseAsk(unb64u(row.ask));
    if (ask && (ask.id !== row.id || ask.person !== row.person || ask.hospital !== ring.hospital)) throw new ProtocolError("statement.no_chain", "asks for something else");
    const deposit = row.deposit === null ? null : await parseDeposit(unb64u(row.deposit));
    const held = { ask, deposit, sealed: row.sealed === null ? null : unb64u(row.sealed) };
    const { id, person, started_by: startedBy, expires_at: expiresAt, approved_by: approvedBy } = row;
    const isOfficer = held.sealed !== null;
    const hasApproved = approvedBy.includes(ring.person);
    const mayApprove = isOfficer && !hasApproved && startedBy !== ring.person && ask !== null;
    const fingerprint = ask && (await askFingerprint(ask));
    return { view: { id, person, startedBy, expiresAt, approvals: approvedBy.length, isMine: person === ring.person, isOfficer, hasApproved, mayApprove, fingerprint }, held };
  }

  /** Hands the own share on, to the device whose fingerprint was on the screen. */
  async approve(id: string): Promise<void> {
    const { api, ring, trust } = this.#ground;
    const { ask, deposit, sealed } = this.#held.get(id) ?? { ask: null, deposit: null, sealed: null };
    if (!ask || !deposit || !sealed) throw new ApiError(409, { code: "restoration.not_asked", detail: "" });
    await trust.learnNew();
    const named = this.#named();
    const place = named.body.officers.findIndex(([person]) => person === ring.person);
    const [, kid] = named.body.officers[place] ?? [];
    if (!kid || b64u(deposit.named) !== named.digest) throw new ProtocolError("statement.no_chain", "not for the officers of now");
    if (deposit.person !== ask.person || deposit.hospital !== ring.hospital) throw new ProtocolError("statement.no_chain", "a deposit of somebody else");
    await trust.recipients([[ask.person, b64u(deposit.kid)]]);
    const kem = ring.kem(ring.person, kid);
    if (!kem) throw new ProtocolError("wrap.unreadable", "the key that was named is not here");
    const handed = await handOn(ask, deposit, place, kem, sealed);
    await api.post(`/restorations/${id}/approve`, { sealed: b64u(handed), signature: b64u(await signApproval(ask, deposit, handed, ring.deviceKey)) });
    await this.look();
  }

  /** An officer or the person refuses, a registrar cancels. */
  async end(id: string): Promise<void> {
    await this.#ground.api.post(`/restorations/${id}/end`);
    await this.look();
  }

  // --- the registrar's part

  /** For a member who has neither a device nor the printed code, and whose voice is known. */
  async start(person: string): Promise<Address> {
    const token = b64u(random(32));
    const { expires_at } = await this.#ground.api.post<{ expires_at: string }>(`/members/${person}/restoration`, { token });
    await this.look();
    return { address: location.origin + formatRestoration(token, this.#root), expiresAt: expires_at };
  }

  async overview(): Promise<OfficersOverview> {
    return this.#ground.api.get<OfficersOverview>("/officers");
  }

  /** Three, whose fingerprints were compared, or nobody: to end it. */
  async propose(people: readonly string[]): Promise<void> {
    const officers = (await this.#body(people)).map(([person, kid]) => ({ person, kid: b64u(kid) }));
    await this.#ground.api.post("/officers/proposals", { officers });
  }

  /** The second person's word. `typed` is the hospital's printed root code. Throws `ApiError` `root.wrong_code`. */
  async confirm(proposal: string, people: readonly string[], typed: string): Promise<void> {
    const { ring, trust } = this.#ground;
    const body = { officers: await this.#body(people) };
    await stateByRoot(this.#ground, this.#root, typed, `/officers/proposals/${proposal}/confirm`, "recovery", ring.hospital, body);
    await trust.refresh();
  }

  async withdraw(proposal: string): Promise<void> {
    await this.#ground.api.post(`/officers/proposals/${proposal}/withdraw`);
  }

  /** With the keys that are proved here, whatever the service says of them. */
  async #body(people: readonly string[]): Promise<[string, Bytes][]> {
    const { ring, trust } = this.#ground;
    if (people.length !== 0 && people.length !== OFFICERS) throw new ApiError(400, { code: "officers.three", detail: "" });
    trust.watching.check(ring.hospital);
    return Promise.all([...people].sort().map(async (person): Promise<[string, Bytes]> => {
      const { kind, hospital, kem } = trust.directory.principal(person);
      if (kind !== "member" || hospital !== ring.hospital) throw new ProtocolError("statement.no_chain", person);
      return [person, await keyId(kem)];
    }));
  }
}
