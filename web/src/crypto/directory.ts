/**
 * Whom a client believes: statements chained up to a pinned root (docs/protocol.md section 4, "Chain").
 *
 * Invariant: every statement held here was signed by somebody who was allowed to say it, counted from the pinned roots; a question about
 * anything else is answered by an error, never by a key. The order statements arrive in decides nothing.
 */
import { b64u, type Bytes, equal } from "./encoding";
import { ProtocolError } from "./errors";
import { keyId } from "./keys";
import { type Statement, type StatementKind, type StatementOf, verifyStatement } from "./statements";

/** Who must be known before whom. */
const RANK: readonly StatementKind[] = ["root", "registrar", "recovery", "partner", "member", "archive", "role", "device", "device-revoked"];

/** A proved recipient; `sign` is null for a duty role. */
export interface Principal {
  kind: "member" | "role" | "archive";
  id: string;
  hospital: string;
  generation: number;
  kem: Bytes;
  sign: Bytes | null;
  profile: Bytes;
  eligible: string[];
  statement: Statement;
}

/** A proved device; `revoked` is the statement that ended it. */
export interface Device {
  id: string;
  principal: string;
  sign: Bytes;
  revoked: StatementOf<"device-revoked"> | null;
}

export interface Refused {
  statement: Statement;
  code: string;
}

interface Line {
  statements: Statement[];
  isForked: boolean;
}

export class Directory {
  readonly refused: Refused[] = [];
  readonly #pins: ReadonlyMap<string, Bytes>;
  readonly #lines = new Map<string, Line>();

  /** `pins`: hospital to the root public key known from the link or invitation. */
  constructor(pins: ReadonlyMap<string, Bytes>) {
    this.#pins = pins;
  }

  /** Takes in what can be proved, in whatever order it came; what cannot is returned and kept in `refused`. */
  async extend(statements: readonly Statement[]): Promise<Refused[]> {
    let waiting = [...statements].sort((a, b) => this.#arrival(a) - this.#arrival(b) || (a.at < b.at ? -1 : 1));
    const lost: Refused[] = [];
    // Each round proves at least one more link of some line, or nothing more can be proved.
    for (let before = Infinity; waiting.length > 0 && waiting.length < before; ) {
      before = waiting.length;
      const unproved: Statement[] = [];
      for (const statement of waiting) {
        const code = await this.add(statement).then(() => null, codeOf);
        if (code === "statement.no_chain") unproved.push(statement);
        else if (code) lost.push({ statement, code });
      }
      waiting = unproved;
    }
    const refused = [...lost, ...waiting.map((statement) => ({ statement, code: "statement.no_chain" }))];
    this.refused.push(...refused);
    return refused;
  }

  #arrival(statement: Statement): number {
    return (this.#pins.has(statement.hospital) ? 0 : RANK.length) + RANK.indexOf(statement.kind);
  }

  /** Takes in one statement. Throws `statement.no_chain`, `statement.fork` or `signature.invalid`. */
  async add(statement: Statement): Promise<void> {
    const id = lineId(statement.kind, statement.subject);
    const line = this.#lines.get(id) ?? { statements: [], isForked: false };
    if (line.statements.some((known) => known.digest === statement.digest)) return;
    await verifyStatement(statement, await this.#signer(statement));
    this.#checkPlace(line, statement);
    line.statements.push(statement);
    this.#lines.set(id, line);
  }

  #checkPlace(line: Line, statement: Statement): void {
    const latest = line.statements.at(-1);
    // A partner may not speak about a person of the pinned hospital, not even to make a fork of them.
    if (latest && latest.hospital !== statement.hospital && this.#pins.has(latest.hospital)) {
      throw new ProtocolError("statement.no_chain", "subject of the pinned hospital");
    }
    if (line.statements.some((known) => known.prev === statement.prev)) {
      // Both were properly signed: somebody shows different people different keys. Neither is believed.
      line.isForked = true;
      throw new ProtocolError("statement.fork", `${statement.kind} ${statement.subject}`);
    }
    if (statement.prev !== (latest?.digest ?? null)) throw new ProtocolError("statement.no_chain", "predecessor unknown");
    if (latest && !mayFollow(latest, statement)) throw new ProtocolError("statement.no_chain", "cannot follow its predecessor");
  }

  /** The public key that `by` names, if its owner may make this statement. */
  async #signer(statement: Statement): Promise<Bytes> {
    for (const key of this.#candidates(statement)) {
      if (b64u(await keyId(key)) === statement.kid) return key;
    }
    throw new ProtocolError("statement.no_chain", `${statement.kind} by ${statement.by}`);
  }

  #candidates(statement: Statement): Bytes[] {
    const { hospital, by } = statement;
    switch (statement.kind) {
      case "root": {
        const { sign } = statement.body;
        return by === hospital && statement.subject === hospital ? this.#roots(statement).filter((root) => equal(sign, root)) : [];
      }
      case "registrar":
        return by === hospital ? this.#keys("root", hospital, statement) : [];
      case "recovery":
        return by === hospital && statement.subject === hospital ? this.#keys("root", hospital, statement) : [];
      case "device":
        return by === statement.body.principal ? this.#ownerKeys(statement) : [];
      case "device-revoked":
        return by === statement.body.principal ? this.#ownerKeys(statement) : this.#keys("registrar", by, statement);
      default:
        return this.#keys("registrar", by, statement);
    }
  }

  /** Roots that hold for `statement`: the pinned one; of a partner the accepted one, and a former one for what is older than its end. */
  #roots({ hospital, at }: Statement): Bytes[] {
    const pinned = this.#pins.get(hospital);
    if (pinned) return [pinned];
    const line = this.#lines.get(lineId("partner", hospital));
    // One step: only what a pinned hospital says about a partner counts, not what a partner says about another.
    if (!line || line.isForked || !this.#pins.has(line.statements.at(-1)?.hospital ?? "")) return [];
    return inForce(line, at).flatMap(({ body }) => ("root" in body && body.root ? [body.root] : []));
  }

  #ownerKeys(statement: Statement): Bytes[] {
    return [...this.#keys("member", statement.by, statement), ...this.#keys("archive", statement.by, statement)];
  }

  /** Signing keys of a line that hold for `statement`: the latest, and a former one for what is older than its successor. */
  #keys(kind: StatementKind, subject: string, statement: Statement): Bytes[] {
    const line = this.#lines.get(lineId(kind, subject));
    if (!line || line.isForked) return [];
    const said = inForce(line, statement.at).filter(({ hospital }) => hospital === statement.hospital);
    return said.flatMap(({ body }) => ("sign" in body && body.sign ? [body.sign] : []));
  }

  /** The statement that holds, or null. Throws `statement.fork`. */
  latest<K extends StatementKind>(kind: K, subject: string): StatementOf<K> | null {
    const line = this.#lines.get(lineId(kind, subject));
    if (line?.isForked) throw new ProtocolError("statement.fork", `${kind} ${subject}`);
    return (line?.statements.at(-1) as StatementOf<K> | undefined) ?? null;
  }

  /** All statements of one kind about one subject, oldest first. Throws `statement.fork`. */
  line<K extends StatementKind>(kind: K, subject: string): StatementOf<K>[] {
    return this.latest(kind, subject) ? [...((this.#lines.get(lineId(kind, subject))?.statements ?? []) as StatementOf<K>[])] : [];
  }

  /** The proved current keys of a user, duty role or archive. Throws `statement.no_chain` or `statement.fork`. */
  principal(id: string): Principal {
    const found = [this.latest("member", id), this.latest("role", id), this.latest("archive", id)].filter((entry) => entry !== null);
    const [statement] = found;
    if (!statement || found.length !== 1) throw new ProtocolError("statement.no_chain", `principal ${id}`);
    const { kind, hospital, body } = statement;
    if (!this.isTrusted(hospital)) throw new ProtocolError("statement.no_chain", `${hospital} is no partner any more`);
    const { generation, kem, profile } = body;
    const sign = "sign" in body ? body.sign : null;
    return { kind, id, hospital, generation, kem, sign, profile, eligible: "eligible" in body ? body.eligible : [], statement };
  }

  /** A device that may sign now. Throws `statement.no_chain`, `statement.fork` or `statement.revoked`. */
  async device(id: string): Promise<Device> {
    const found = this.deviceEver(id);
    if (found.revoked) throw new ProtocolError("statement.revoked", `device ${id}`);
    const { sign } = this.principal(found.principal);
    const isPresent = sign !== null && b64u(await keyId(sign)) === this.latest("device", id)?.kid;
    if (!isPresent) throw new ProtocolError("statement.no_chain", "not stated by its owner's present key");
    return found;
  }

  /** A device as it was, even if revoked by now: for reading what it signed while it was one. */
  deviceEver(id: string): Device {
    const statement = this.latest("device", id);
    if (!statement) throw new ProtocolError("statement.no_chain", `device ${id}`);
    const { principal, sign } = statement.body;
    const revocation = this.latest("device-revoked", id);
    return { id, principal, sign, revoked: revocation?.body.principal === principal ? revocation : null };
  }

  /** The proved archives of a hospital: compulsory members of its conversations. */
  archives(hospital: string): Principal[] {
    return [...this.#lines.values()].flatMap(({ statements, isForked }) => {
      const latest = statements.at(-1);
      return latest?.kind === "archive" && latest.hospital === hospital && !isForked ? [this.principal(latest.subject)] : [];
    });
  }

  /** Whether keys of this hospital are believed now: it is pinned, or a partner whose partnership has not ended. */
  isTrusted(hospital: string): boolean {
    if (this.#pins.has(hospital)) return true;
    const said = this.latest("partner", hospital);
    return !!said?.body.root && this.#pins.has(said.hospital);
  }

  /** The statement that names the hospital's recovery officers now, or null. Throws `statement.fork`. */
  officers(hospital: string): StatementOf<"recovery"> | null {
    const said = this.latest("recovery", hospital);
    return said?.body.officers.length ? said : null;
  }

  /** Whether a device of this person was ever stated to be in other hands. */
  hasLost(person: string): boolean {
    return [...this.#lines.values()].some(({ statements }) => {
      const latest = statements.at(-1);
      return latest?.kind === "device-revoked" && latest.body.principal === person && ["lost", "stolen"].includes(latest.body.reason);
    });
  }

  isRegistrar(person: string): boolean {
    return !!this.latest("registrar", person)?.body.sign;
  }
}

/** What holds for something said at `at`: the latest, and a former one until the `at` of the one that replaced it. */
function inForce({ statements }: Line, at: string): Statement[] {
  return statements.filter((_, i) => {
    const successor = statements[i + 1];
    return !successor || at < successor.at;
  });
}

function lineId(kind: StatementKind, subject: string): string {
  return `${kind} ${subject}`;
}

function codeOf(error: unknown): string {
  if (error instanceof ProtocolError) return error.code;
  throw error;
}

/** One hospital per subject, generations never fall, one generation has one key, a device keeps its key and its owner. */
function mayFollow(latest: Statement, next: Statement): boolean {
  if (latest.hospital !== next.hospital) return false;
  if (latest.kind === "device" && next.kind === "device") {
    return latest.body.principal === next.body.principal && equal(latest.body.sign, next.body.sign);
  }
  if (!("generation" in latest.body) || !("generation" in next.body)) return true;
  const { generation, kem } = latest.body;
  return next.body.generation > generation || (next.body.generation === generation && equal(next.body.kem, kem));
}
