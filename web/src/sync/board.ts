/**
 * The board and the own hospital's figures.
 *
 * Invariant: what is shown says how old it is, also without a network; a ring only names a hospital, and what changed there is fetched, at most
 * twice a second however often it rings. A report is never queued: by the time it arrived it would be about another moment.
 */
import { ApiError } from "./api";
import type { Ground } from "./epochs";
import { Value } from "./observable";
import type { BoardHospital, BoardUnit, FigureHistory, FigureReport, SingleBed } from "./types";

/** The last board that came, and when. */
interface Kept {
  at: string;
  hospitals: BoardHospital[];
}

export const FETCH_PAUSE_MS = 500;
/** Above this the whole board is fetched: the server takes no more names at once. */
const NAMES_AT_MOST = 50;
const OLD_MS = 10 * 60 * 1000;
const DAY_MS = 24 * 60 * 60 * 1000;

export class Board {
  readonly hospitals = new Value<BoardHospital[]>([]);
  /** When the board shown was fetched, in whole or in part; null before there is one. */
  readonly at = new Value<string | null>(null);
  readonly #ground: Ground;
  readonly #now: () => number;
  #changed = new Set<string>();
  #isFetching = false;

  /** `now` is the server's clock. */
  constructor(ground: Ground, now: () => number) {
    this.#ground = ground;
    this.#now = now;
  }

  async load(): Promise<void> {
    const { store, ring } = this.#ground;
    const kept = await store.snapshot<Kept>(ring.storeKey, "board");
    if (!Array.isArray(kept?.hospitals)) return; // also one that an earlier version of this client kept
    this.at.set(kept.at);
    this.hospitals.set(kept.hospitals);
  }

  async refresh(): Promise<void> {
    const { hospitals } = await this.#ground.api.get<{ hospitals: BoardHospital[] }>("/board");
    await this.#show(hospitals);
  }

  /** For a phone on which nobody looks at the board: it is kept, but not by the minute. */
  async refreshIfOld(): Promise<void> {
    if (this.at.value === null || this.#now() - Date.parse(this.at.value) > OLD_MS) await this.refresh();
  }

  /** Something changed at a hospital: fetched now, or with whatever else changes until the pause is over. */
  async heard(hospital: string): Promise<void> {
    this.#changed.add(hospital);
    if (this.#isFetching) return;
    this.#isFetching = true;
    try {
      while (this.#changed.size > 0) {
        const names = [...this.#changed];
        this.#changed = new Set();
        const pause = new Promise((done) => setTimeout(done, FETCH_PAUSE_MS));
        await (names.length > NAMES_AT_MOST ? this.refresh() : this.#fetch(names));
        await pause;
      }
    } finally {
      this.#isFetching = false;
    }
  }

  async #fetch(names: string[]): Promise<void> {
    const query = names.map((name) => `hospital=${name}`).join("&");
    const { hospitals } = await this.#ground.api.get<{ hospitals: BoardHospital[] }>(`/board?${query}`);
    await this.#show([...this.hospitals.value.filter((each) => !names.includes(each.hospital)), ...hospitals]);
  }

  async #show(hospitals: BoardHospital[]): Promise<void> {
    const at = new Date(this.#now()).toISOString();
    this.at.set(at);
    this.hospitals.set(hospitals);
    await this.#ground.store.putSnapshot(this.#ground.ring.storeKey, "board", { at, hospitals } satisfies Kept);
  }

  async #replace(unit: BoardUnit): Promise<BoardUnit> {
    const hospitals = this.hospitals.value.map((hospital) => ({
      ...hospital,
      units: hospital.units.map((each) => (each.capacity === unit.capacity ? unit : each)),
    }));
    await this.#show(hospitals);
    return unit;
  }

  /** Throws `ApiError` 412 `capacity.changed` if somebody was quicker; what they wrote is then shown. */
  async report(unit: BoardUnit, report: FigureReport): Promise<BoardUnit> {
    return this.#reporting(async () =>
      this.#replace(await this.#ground.api.put<BoardUnit>(`/capacities/${unit.capacity}`, report, { "If-Match": String(unit.version) })));
  }

  /** Takes back the report that made `unit`: the former figure, as old as it was. */
  async undo(unit: Pick<BoardUnit, "capacity" | "version">): Promise<BoardUnit> {
    return this.#reporting(async () =>
      this.#replace(await this.#ground.api.post<BoardUnit>(`/capacities/${unit.capacity}/undo`, {}, crypto.randomUUID(), { "If-Match": String(unit.version) })));
  }

  async #reporting<T>(act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (error) {
      if (error instanceof ApiError && error.status === 412) await this.refresh();
      throw error;
    }
  }

  history(capacity: string, days: number): Promise<FigureHistory> {
    const until = this.#now();
    const span = `since=${new Date(until - days * DAY_MS).toISOString()}&until=${new Date(until).toISOString()}`;
    return this.#ground.api.get<FigureHistory>(`/capacities/${capacity}/history?${span}`);
  }

  async beds(unit: string): Promise<SingleBed[]> {
    return (await this.#ground.api.get<{ beds: SingleBed[] }>(`/units/${unit}/beds`)).beds;
  }

  async reportBed(bed: SingleBed, status: SingleBed["status"], override?: string): Promise<{ bed: SingleBed; figure: BoardUnit }> {
    return this.#reporting(async () => {
      const body = { status, ...(override ? { override } : {}) };
      const answer = await this.#ground.api.put<{ bed: SingleBed; figure: BoardUnit }>(`/beds/${bed.bed}`, body, { "If-Match": String(bed.version) });
      await this.#replace(answer.figure);
      return answer;
    });
  }
}
