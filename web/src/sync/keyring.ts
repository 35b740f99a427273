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
  openRoleSeed,
  type PrincipalKeys,
  principalKeys,
  type SigningKey,
  type KemKey,
  unb64u,
} from "../crypto";
import { snapshotKey } from "../store";
import type { GenerationWire } from "./wire";

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

export class Keyring implements Owner {
  readonly person: string;
  readonly hospital: string;
  readonly device: string;
  readonly deviceKey: SigningKey;
  readonly seed: Bytes;
  readonly generation: number;
  /** The keys of the present generation. */
  readonly own: PrincipalKeys;
  readonly storeKey: Bytes;
  /** Every X-Wing key held, by principal and kid. */
  readonly #kems = new Map<string, KemKey>();
  readonly #epochKeys = new Map<string, Bytes>();

  private constructor(owner: Owner, seed: Bytes, generation: number, own: PrincipalKeys, storeKey: Bytes) {
    this.person = owner.person;
    this.hospital = owner.hospital;
    this.device = owner.device;
    this.deviceKey = owner.deviceKey;
    this.seed = seed;
    this.generation = generation;
    this.own = own;
    this.storeKey = storeKey;
  }

  /** Throws `wrap.unreadable` if a former generation does not open. */
  static async of(owner: Owner, seed: Bytes, generation: number, rows: readonly GenerationRow[]): Promise<Keyring> {
    const ring = new Keyring(owner, seed, generation, await principalKeys(seed), await snapshotKey(seed));
    await ring.#holdAll(owner.person, seed, generation, rows);
    return ring;
  }

  /** Takes in a duty role: its seed sealed to this person under the role's statement, and what reaches back from it. */
  async holdRole(role: string, generation: number, sealed: Bytes, statement: Bytes, rows: readonly GenerationRow[]): Promise<void> {
    await this.#holdAll(role, await openRoleSeed(sealed, this.own.kem, statement), generation, rows);
  }

  async #holdAll(principal: string, seed: Bytes, generation: number, rows: readonly GenerationRow[]): Promise<void> {
    let [present, next] = [seed, generation];
    for (;;) {
      await this.#hold(principal, (await principalKeys(present)).kem);
      const history = rows.find((row) => row.generation === next)?.history;
      if (!history || next === 1) return;
      next -= 1;
      present = await openHistory(present, principal, next, history);
    }
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
