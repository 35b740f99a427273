/**
 * The rosters of the own hospital's duty roles, as its registrar writes them.
 *
 * Invariant: every change names the version it was made on; nothing is kept on the device.
 */
import type { Api } from "./api";
import type { Gap, Turn } from "./types";

export interface RosterTurn extends Turn { is_planned: boolean }
export interface Shift { id: string; person: string; since: string; until: string }
/** Weekly in the hospital's time; `weekdays` from 1 (Monday); `ends` no later than `begins` is the next day. */
export interface Pattern { id: string; person: string; weekdays: number[]; begins: string; ends: string; first: string; last: string | null; every: number }
export interface Roster { role: string; version: number; time_zone: string; turns: RosterTurn[]; gaps: Gap[]; patterns: Pattern[]; shifts: Shift[] }
/** What is wrong with a line of a file, by code. */
export interface LineProblem { line: number; code: string }
export interface Imported { is_applied: boolean; lines: number; added: number; removed: number; problems: LineProblem[] }

export class Rosters {
  readonly #api: Api;

  constructor(api: Api) {
    this.#api = api;
  }

  /** At most six weeks. */
  async load(role: string, since: Date, until: Date): Promise<Roster> {
    return this.#api.get<Roster>(`/rosters/${role}?since=${since.toISOString()}&until=${until.toISOString()}`);
  }

  /** Throws `ApiError` 412 `roster.changed`, 409 `roster.overlap`, `duty.not_eligible`, 400 `roster.past`, `roster.shift`. */
  async saveShift({ role, version }: Roster, { id, ...shift }: Shift): Promise<void> {
    await this.#api.put(`/rosters/${role}/shifts/${id}`, shift, { "If-Match": String(version) });
  }

  async deleteShift({ role, version }: Roster, id: string): Promise<void> {
    await this.#api.delete(`/rosters/${role}/shifts/${id}`, { "If-Match": String(version) });
  }

  /** Throws as `saveShift`; 400 `roster.pattern`. */
  async savePattern({ role, version }: Roster, { id, ...pattern }: Pattern): Promise<void> {
    await this.#api.put(`/rosters/${role}/patterns/${id}`, pattern, { "If-Match": String(version) });
  }

  async deletePattern({ role, version }: Roster, id: string): Promise<void> {
    await this.#api.delete(`/rosters/${role}/patterns/${id}`, { "If-Match": String(version) });
  }

  /** Replaces the single shifts that begin in the range, of the roles a file names; a rehearsal changes nothing and tells every line that is wrong. */
  async importCsv(csv: string, since: Date, until: Date, isRehearsal: boolean): Promise<Imported> {
    return this.#api.post<Imported>("/rosters/import", { csv, since: since.toISOString(), until: until.toISOString(), is_dry_run: isRehearsal });
  }
}
