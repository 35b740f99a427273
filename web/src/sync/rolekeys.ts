/**
 * The seeds of the duty roles this person is eligible for, and how the former ones reach those who became eligible later.
 *
 * Invariant: a seed is held only if its public key was stated by a registrar. Whatever does not open costs that role's older conversations,
 * never the list of duties.
 */
import { b64u, onlyProtocol, sealHistory, unb64u } from "../crypto";
import { ApiError } from "./api";
import type { Ground } from "./epochs";
import { generationsOf } from "./keyring";
import type { DutyWire, Results } from "./wire";

interface FormerSeal { generation: number; sealed: string }

export class RoleKeys {
  readonly #ground: Ground;
  /** Role to the rows whose gaps were looked at: what a colleague has to hand on is not asked for again and again. */
  readonly #looked = new Map<string, string>();

  constructor(ground: Ground) {
    this.#ground = ground;
  }

  /** Holds what these rows open. No network. */
  async hold(wires: readonly DutyWire[]): Promise<void> {
    const { ring, trust } = this.#ground;
    for (const { role, sealed, generation, keys } of wires) {
      const line = lineOf(trust, role);
      await ring.holdRole(role, generation, unb64u(sealed), line).catch(onlyProtocol);
      await ring.holdRoleHistory(role, generationsOf(keys), line);
    }
  }

  /** Whether a row is about a generation that the statements known here do not have yet. */
  isAhead({ role, generation }: DutyWire): boolean {
    return lineOf(this.#ground.trust, role).every(({ body }) => body.generation !== generation);
  }

  /** Fetches the own former seals where the history has a gap, and closes it for the colleagues. True if anything new is held. */
  async mend(wires: readonly DutyWire[]): Promise<boolean> {
    let hasMore = false;
    for (const wire of wires) {
      const rows = JSON.stringify(wire.keys);
      if (!this.#hasGap(wire) || this.#looked.get(wire.role) === rows) continue;
      hasMore = (await this.#mend(wire)) || hasMore;
      this.#looked.set(wire.role, rows);
    }
    return hasMore;
  }

  #hasGap({ role, generation, keys }: DutyWire): boolean {
    const { ring } = this.#ground;
    if (!ring.roleSeed(role, generation)) return false;
    return keys.some((key) => key.generation > 1 && (key.history === null || !ring.roleSeed(role, key.generation - 1)));
  }

  async #mend({ role, keys }: DutyWire): Promise<boolean> {
    const { ring, trust, api } = this.#ground;
    const line = lineOf(trust, role);
    const before = held(ring, role, keys);
    const { results } = await api.get<Results<FormerSeal>>(`/duty/${role}/seals`);
    for (const { generation, sealed } of results) await ring.holdRole(role, generation, unb64u(sealed), line).catch(onlyProtocol);
    await ring.holdRoleHistory(role, generationsOf(keys), line);
    for (const { generation, history } of keys) {
      const [next, former] = [ring.roleSeed(role, generation), ring.roleSeed(role, generation - 1)];
      if (!next || !former) continue;
      const made = b64u(await sealHistory(next, role, generation - 1, former));
      if (made !== history) await api.post(`/duty/${role}/history`, { generation, history: made }).catch(notMine);
    }
    return held(ring, role, keys) > before;
  }
}

function lineOf(trust: Ground["trust"], role: string) {
  try {
    return trust.directory.line("role", role);
  } catch (error) {
    onlyProtocol(error);
    return [];
  }
}

function held(ring: Ground["ring"], role: string, keys: DutyWire["keys"]): number {
  return keys.filter(({ generation }) => ring.roleSeed(role, generation)).length;
}

/** Known by history alone, or no longer eligible: then it is for another to hand it on. */
function notMine(error: unknown): void {
  if (!(error instanceof ApiError) || (error.status !== 404 && error.code !== "role.no_former_seal")) throw error;
}
