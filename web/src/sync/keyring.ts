/**
 * The keys of the person, in memory.
 *
 * Invariant: it exists between unlocking and locking only; nothing holds a seed or an epoch key beside it.
 */
import {
  b64u,
  type Bytes,
  keyId,
  openHistory,
  isKeyOf,
  openRoleSeed,
  type PrincipalKeys,
  onlyProtocol,
  principalKeys,
  ProtocolError,
  type SigningKey,
  type StatementOf,
  type KemKey,
  unb64u,
} from "../crypto";
import { snapshotKey } from "../store";
import type { GenerationWire } from "./wire";

export type RoleStatement = StatementOf<"role">;

export interface Owner {
  person: string;
  hospital: string;
  device: string;
  deviceKey: SigningKey;
}

/** What the server keeps of a principal's generations: beside each, the seed of the one before, under this one's. */
export interface GenerationRow {
  generation: number;
  history: Bytes | null;
}

export function generationsOf(wires: readonly GenerationWire[]): GenerationRow[] {
  return wires.map(({ generation, history }) => ({ generation, history: history === null ? null : unb64u(history) }));
}

interface Present { seed: Bytes; generation: number; own: PrincipalKeys; storeKey: Bytes }

async function presentOf(seed: Bytes, generation: number): Promise<Present> {
  return { seed, generation, own: await principalKeys(seed), storeKey: await snapshotKey(seed) };
}

export class Keyring implements Owner {
  readonly person: string;
  readonly hospital: string;
  readonly device: string;
  readonly deviceKey: SigningKey;
  #present: Present;
  /** Of the person's former generations: what is kept on the device may still be sealed under one of them. */
  formerStoreKeys: readonly Bytes[] = [];
  /** Every X-Wing key held, by principal and kid. */
  readonly #kems = new Map<string, KemKey>();
  /** The person's own, oldest first. */
  #ownKems: readonly KemKey[] = [];
  readonly #roleSeeds = new Map<string, Bytes>();
  readonly #epochKeys = new Map<string, Bytes>();

  private constructor(owner: Owner, present: Present) {
    this.person = owner.person;
    this.hospital = owner.hospital;
    this.device = owner.device;
    this.deviceKey = owner.deviceKey;
    this.#present = present;
  }

  get seed(): Bytes {
    return this.#present.seed;
  }

  get generation(): number {
    return this.#present.generation;
  }

  /** The keys of the present generation. */
  get own(): PrincipalKeys {
    return this.#present.own;
  }

  get storeKey(): Bytes {
    return this.#present.storeKey;
  }

  /** Throws `wrap.unreadable` if a former generation does not open. */
  static async of(owner: Owner, seed: Bytes, generation: number, rows: readonly GenerationRow[]): Promise<Keyring> {
    const present = await presentOf(seed, generation);
    const ring = new Keyring(owner, present);
    await ring.#holdAll(present, rows);
    return ring;
  }

  /** The next generation, once it holds; what was sealed to the former ones stays readable. Throws as `of`. */
  async advance(seed: Bytes, generation: number, rows: readonly GenerationRow[]): Promise<void> {
    const present = await presentOf(seed, generation);
    await this.#holdAll(present, rows);
    this.formerStoreKeys = [...this.formerStoreKeys, this.storeKey];
    this.#present = present;
  }

  /**
   * Takes in a seed of a duty role, sealed to this person under one of the role's statements of that generation. Throws `wrap.unreadable`.
   */
  async holdRole(role: string, generation: number, sealed: Bytes, line: readonly RoleStatement[]): Promise<void> {
    if (this.roleSeed(role, generation)) return;
    // Newest first: a name may have changed since the seal was made, and so may the person's own key.
    for (const { h } of line.filter(({ body }) => body.generation === generation).reverse()) {
      for (const own of [...this.#ownKems].reverse()) {
        const seed = await openRoleSeed(sealed, own, h).catch(onlyProtocol);
        if (seed && (await this.#holdStated(role, generation, seed, line))) return;
      }
    }
    throw new ProtocolError("wrap.unreadable", `seed of role ${role}`);
  }

  /** Takes in what opens of a role's former generations. A colleague's device made `rows`: only the seed that was stated counts. */
  async holdRoleHistory(role: string, rows: readonly GenerationRow[], line: readonly RoleStatement[]): Promise<void> {
    for (const { generation, history } of [...rows].sort((a, b) => b.generation - a.generation)) {
      const next = this.roleSeed(role, generation);
      if (!next || !history || this.roleSeed(role, generation - 1)) continue;
      const seed = await openHistory(next, role, generation - 1, history).catch(onlyProtocol);
      if (seed) await this.#holdStated(role, generation - 1, seed, line);
    }
  }

  /** The seed of a role's generation, if it is held here. */
  roleSeed(role: string, generation: number): Bytes | undefined {
    return this.#roleSeeds.get(`${role} ${generation}`);
  }

  async #holdStated(role: string, generation: number, seed: Bytes, line: readonly RoleStatement[]): Promise<boolean> {
    const keys = await principalKeys(seed);
    // Anybody can seal to a public key: only the seed behind the key that was stated is the role's.
    if (!line.some(({ body }) => body.generation === generation && isKeyOf(keys, body.kem))) return false;
    this.#roleSeeds.set(`${role} ${generation}`, seed);
    await this.#hold(role, keys.kem);
    return true;
  }

  async #holdAll(present: Present, rows: readonly GenerationRow[]): Promise<void> {
    let { seed, generation } = present;
    const kems = [present.own.kem];
    for (;;) {
      const history = rows.find((row) => row.generation === generation)?.history;
      if (!history || generation === 1) break;
      generation -= 1;
      seed = await openHistory(seed, this.person, generation, history);
      kems.unshift((await principalKeys(seed)).kem);
      this.formerStoreKeys = [await snapshotKey(seed), ...this.formerStoreKeys];
    }
    for (const kem of kems) await this.#hold(this.person, kem);
    this.#ownKems = [...this.#ownKems, ...kems];
  }

  async #hold(principal: string, kem: KemKey): Promise<void> {
    this.#kems.set(`${principal} ${b64u(await keyId(kem.publicKey))}`, kem);
  }

  kem(principal: string, kid: Bytes): KemKey | undefined {
    return this.#kems.get(`${principal} ${b64u(kid)}`);
  }

  epochKey(conversation: string, epoch: number): Bytes | undefined {
    return this.#epochKeys.get(`${conversation} ${epoch}`);
  }

  keepEpochKey(conversation: string, epoch: number, key: Bytes): void {
    this.#epochKeys.set(`${conversation} ${epoch}`, key);
  }
}
