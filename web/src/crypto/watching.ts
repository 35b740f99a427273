/**
 * Whether everybody is shown the same statements (docs/protocol.md section 4.1).
 *
 * Invariant: a log of statements only grows. What was once seen of it, here or by somebody one talks with, must still be there; where it is
 * not, the hospital is in `trouble` and nothing new is sealed to its principals until a person has compared and accepted. A head that is late
 * troubles nobody.
 */
import { type Bytes, b64u, equal, unb64u } from "./encoding";
import { onlyProtocol, ProtocolError } from "./errors";
import { type LogKey, parseNote, type SignedHead, verifyHead } from "./notes";
import { Tree } from "./tree";

const LATE_MS = 600_000;

/** Size and root of a log, to be compared by people too. */
export interface Head { size: number; root: Bytes }

export type TroubleCode = "directory.rolled_back" | "directory.split" | "directory.withheld";

/** `by` is the person who was shown `shown`, null: it is what the service shows here. */
export interface Trouble { code: TroubleCode; mine: Head; shown: Head; by: string | null }

/** What a person should know and what stops nothing. `not_stated`: one's own statement is not shown. */
export type WarningCode = "directory.key_changed" | "directory.disputed" | "directory.unsigned" | "directory.not_stated";
export interface Warned { code: WarningCode; hospital: string; by: string | null }

interface Claim { head: SignedHead; by: string }

interface Log {
  tree: Tree;
  /** What had been seen when this was last kept. */
  known: Head | null;
  /** The newest head that the service signed and that fits, and one not judged yet. */
  signed: SignedHead | null;
  offered: SignedHead | null;
  claims: Claim[];
  lasting: Trouble | null;
  passing: Trouble | null;
  hasGap: boolean;
  lateSince: number | null;
  stated: Set<string>;
}

type Kept<T> = { [K in keyof T]: T[K] extends Bytes ? string : T[K] extends object | null ? Kept<T[K]> : T[K] };
interface KeptLog { known: Kept<Head> | null; signed: Kept<SignedHead> | null; claims: Kept<Claim>[]; lasting: Kept<Trouble> | null; stated: string[] }
/** JSON, without anything secret: what must not be forgotten from one start to the next. */
export interface KeptHeads { key: Kept<LogKey> | null; logs: [hospital: string, log: KeptLog][] }

export class Watching {
  readonly warned = new Map<string, Warned>();
  readonly #own: string;
  readonly #logs = new Map<string, Log>();
  /** Heads that others had seen and that fitted: an old epoch is opened often. */
  readonly #compared = new Set<string>();
  #key: LogKey | null = null;

  constructor(own: string, kept?: KeptHeads) {
    this.#own = own;
    if (!kept) return;
    this.#key = kept.key && { base: kept.key.base, public: unb64u(kept.key.public) };
    for (const [hospital, log] of kept.logs) this.#logs.set(hospital, unkept(log));
  }

  #log(hospital: string): Log {
    const log = this.#logs.get(hospital) ?? newLog();
    this.#logs.set(hospital, log);
    return log;
  }

  size(hospital: string): number {
    return this.#logs.get(hospital)?.tree.size ?? 0;
  }

  hospitals(): string[] {
    return [...this.#logs.keys()];
  }

  /** A leaf as the service shows it. One before whose place something is missing has to wait until that was fetched (`gaps`). */
  async take(hospital: string, place: number, leaf: Bytes): Promise<void> {
    const log = this.#log(hospital);
    const known = log.tree.leaves[place];
    if (place > log.tree.size) log.hasGap = true;
    else if (!known) log.tree.leaves.push(leaf);
    else if (!equal(known, leaf)) last(log, { code: "directory.split", mine: await headAt(log, place + 1), shown: { size: place + 1, root: leaf }, by: null });
  }

  /** Whose leaves have to be fetched from the first on; what is still missing at `settle` was withheld. */
  gaps(): string[] {
    const found = [...this.#logs].filter(([, { hasGap }]) => hasGap);
    for (const [, log] of found) log.hasGap = false;
    return found.map(([hospital]) => hospital);
  }

  /** A statement of one's own, which the service has taken: it must be in what it shows from now on. */
  expect(leaf: Bytes): void {
    this.#log(this.#own).stated.add(b64u(leaf));
  }

  /** A head as the service shows it, judged by `settle`. One that the known key did not sign counts for nothing and is warned of. */
  async sign(hospital: string, note: string, key: Bytes): Promise<void> {
    const log = this.#log(hospital);
    const read = await parseNote(note, hospital, key).catch(onlyProtocol);
    if (read) this.#key ??= read.key;
    if (!read || read.key.base !== this.#key?.base || !equal(read.key.public, this.#key.public)) {
      this.#warn("directory.key_changed", hospital);
      return;
    }
    const { head } = read;
    const former = log.offered ?? log.signed;
    if (former && head.size < former.size) last(log, { code: "directory.rolled_back", mine: former, shown: head, by: null });
    else if (former?.size === head.size && !equal(former.root, head.root)) last(log, { code: "directory.split", mine: former, shown: head, by: null });
    else log.offered = head;
  }

  /** What somebody one talks with has verified; judged by `settle`. Returns whether it says anything not compared yet. */
  hear(heads: readonly SignedHead[], by: string): boolean {
    let isNews = false;
    for (const head of heads) {
      const log = this.#logs.get(head.hospital);
      if (!log?.tree.size || this.#compared.has(nameOf(head)) || log.claims.some((claim) => nameOf(claim.head) === nameOf(head))) continue;
      log.claims.push({ head, by });
      isNews = true;
    }
    return isNews;
  }

  /** Of some log somebody has verified more than is here. */
  get isBehind(): boolean {
    return [...this.#logs.values()].some(({ claims, tree }) => claims.some(({ head }) => head.size > tree.size));
  }

  /** Judges, once everything the service shows has been taken. `now` in milliseconds. */
  async settle(now: number): Promise<void> {
    for (const [hospital, log] of this.#logs) {
      log.passing = null;
      // A partner that is one no longer is not shown at all.
      if (log.tree.size === 0 && hospital !== this.#own) continue;
      await this.#judgeShown(log);
      await this.#judgeClaims(hospital, log);
      this.#noteLate(hospital, log, now);
      for (const leaf of log.tree.leaves) if (log.stated.size > 0) log.stated.delete(b64u(leaf));
      if (log.stated.size > 0) this.#warn("directory.not_stated", hospital);
    }
  }

  async #judgeShown(log: Log): Promise<void> {
    const { known, offered, tree } = log;
    if (known && tree.size < known.size) {
      log.passing = { code: "directory.rolled_back", mine: known, shown: await headAt(log, tree.size), by: null };
      return;
    }
    if (known) await judge(log, known, null);
    log.known = null;
    if (offered) await judge(log, offered, null);
    if (offered && !log.passing && !log.lasting) [log.signed, log.offered] = [offered, null];
    const here = await headAt(log, tree.size);
    if (log.hasGap) log.passing ??= { code: "directory.withheld", mine: here, shown: here, by: null };
  }

  async #judgeClaims(hospital: string, log: Log): Promise<void> {
    const open: Claim[] = [];
    for (const claim of log.claims) {
      const { head, by } = claim;
      // Without a key there is nothing to check it with yet.
      const isSigned = this.#key !== null && (await verifyHead(head, this.#key).then(() => true, onlyProtocol));
      if (isSigned) await judge(log, head, by);
      if (isSigned && head.size <= log.tree.size) this.#compared.add(nameOf(head));
      // Anybody may say anything: only what the service's own key signed is evidence against the service.
      else if (this.#key && !isSigned && !(await fits(log, head))) this.#warn("directory.disputed", hospital, by);
      if (!this.#key || (isSigned && head.size > log.tree.size)) open.push(claim);
    }
    log.claims = open;
  }

  #noteLate(hospital: string, log: Log, now: number): void {
    if ((log.signed?.size ?? 0) >= log.tree.size) {
      log.lateSince = null;
      this.warned.delete(`directory.unsigned ${hospital} `);
      return;
    }
    log.lateSince ??= now;
    if (now - log.lateSince > LATE_MS) this.#warn("directory.unsigned", hospital);
  }

  #warn(code: WarningCode, hospital: string, by: string | null = null): void {
    this.warned.set(`${code} ${hospital} ${by ?? ""}`, { code, hospital, by });
  }

  trouble(hospital: string): Trouble | null {
    const log = this.#logs.get(hospital);
    return log?.lasting ?? log?.passing ?? null;
  }

  /** Throws `directory.rolled_back`, `directory.split` or `directory.withheld`. */
  check(hospital: string): void {
    const trouble = this.trouble(hospital);
    if (trouble) throw new ProtocolError(trouble.code, hospital);
  }

  async head(hospital: string): Promise<Head & { signedSize: number }> {
    const log = this.#log(hospital);
    return { ...(await headAt(log, log.tree.size)), signedSize: log.signed?.size ?? 0 };
  }

  /** The verified heads to name in an epoch's header. */
  headsOf(hospitals: Iterable<string>): SignedHead[] {
    const found = [...new Set(hospitals)].sort().map((hospital) => this.#logs.get(hospital)?.signed);
    return found.filter((head) => head !== null && head !== undefined);
  }

  async keep(): Promise<KeptHeads> {
    const key = this.#key && { base: this.#key.base, public: b64u(this.#key.public) };
    const logs = [...this.#logs].map(async ([hospital, log]): Promise<[string, KeptLog]> => [hospital, await kept(log)]);
    return { key, logs: await Promise.all(logs) };
  }

  /** A person has compared and believes what the service shows now: this hospital begins anew, and everything is fetched once more. */
  async accept(hospital: string): Promise<void> {
    this.#compared.clear();
    this.#logs.delete(hospital);
    for (const log of this.#logs.values()) {
      if (log.tree.size > 0) log.known = await headAt(log, log.tree.size);
      log.tree = new Tree();
    }
  }
}

function newLog(): Log {
  const nothing = { known: null, signed: null, offered: null, lasting: null, passing: null, lateSince: null };
  return { ...nothing, tree: new Tree(), claims: [], hasGap: false, stated: new Set() };
}

async function headAt(log: Log, size: number): Promise<Head> {
  return { size, root: await log.tree.rootAt(size) };
}

async function fits(log: Log, head: Head): Promise<boolean> {
  return head.size <= log.tree.size && equal(await log.tree.rootAt(head.size), head.root);
}

async function judge(log: Log, head: Head, by: string | null): Promise<void> {
  const shown = { size: head.size, root: head.root };
  if (head.size > log.tree.size) log.passing = { code: "directory.withheld", mine: await headAt(log, log.tree.size), shown, by };
  else if (!(await fits(log, head))) last(log, { code: "directory.split", mine: await headAt(log, head.size), shown, by });
}

/** The first that did not fit stays: what comes after it follows from it. */
function last(log: Log, trouble: Trouble): void {
  const { mine, shown } = trouble;
  log.lasting ??= { ...trouble, mine: { size: mine.size, root: mine.root }, shown: { size: shown.size, root: shown.root } };
}

function nameOf({ hospital, size, root }: SignedHead): string {
  return `${hospital} ${size} ${b64u(root)}`;
}

async function kept(log: Log): Promise<KeptLog> {
  const known = log.tree.size >= (log.known?.size ?? 0) ? await headAt(log, log.tree.size) : log.known;
  return {
    known: known && known.size > 0 ? keptHead(known) : null,
    signed: log.signed && keptSigned(log.signed),
    claims: log.claims.map(({ head, by }) => ({ head: keptSigned(head), by })),
    lasting: log.lasting && { ...log.lasting, mine: keptHead(log.lasting.mine), shown: keptHead(log.lasting.shown) },
    stated: [...log.stated],
  };
}

function unkept({ known, signed, claims, lasting, stated }: KeptLog): Log {
  return {
    ...newLog(),
    known: known && headFrom(known),
    signed: signed && signedFrom(signed),
    claims: claims.map(({ head, by }) => ({ head: signedFrom(head), by })),
    lasting: lasting && { ...lasting, mine: headFrom(lasting.mine), shown: headFrom(lasting.shown) },
    stated: new Set(stated),
  };
}

const keptHead = ({ size, root }: Head): Kept<Head> => ({ size, root: b64u(root) });
const keptSigned = ({ hospital, size, root, signature }: SignedHead): Kept<SignedHead> => ({ hospital, size, root: b64u(root), signature: b64u(signature) });
const headFrom = ({ size, root }: Kept<Head>): Head => ({ size, root: unb64u(root) });
const signedFrom = ({ hospital, size, root, signature }: Kept<SignedHead>): SignedHead => ({ hospital, size, root: unb64u(root), signature: unb64u(signature) });
