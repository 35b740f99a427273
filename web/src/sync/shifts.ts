/**
 * The change of shift on this device.
 *
 * Invariant: the server decides by its clock who reads; this only looks when a planned turn begins or ends, so that the screen says so without
 * a ring, and without a network too.
 */
import type { Value } from "./observable";
import type { Duty, Turn } from "./types";

// After the instant, and not every phone of a house in the same one.
const LATER_MS = 200;
const SPREAD_MS = 1500;
const LONGEST_MS = 2 ** 31 - 1;

const containing = (turns: readonly Turn[], now: number): Turn | undefined =>
  turns.find(({ since, until }) => Date.parse(since) <= now && (until === null || Date.parse(until) > now));

/** The same duty as it is at `now` (server's time): what was planned has come true. Without turns nothing is known but what was told. */
export function dutyAt(duty: Duty, now: number): Duty {
  if (duty.turns.length === 0) return duty;
  const turn = containing(duty.turns, now);
  if (turn?.person === duty.holder && turn.since === duty.since) return duty;
  return { ...duty, holder: turn?.person ?? null, since: turn?.since ?? null, until: turn?.until ?? null };
}

/** When the next planned turn begins or ends, after `now`; `null`: no such time is known. */
export function nextChange(duties: readonly Duty[], now: number): number | null {
  const times = duties.flatMap(({ turns }) => turns.flatMap(({ since, until }) => [since, until ?? since]).map((at) => Date.parse(at)));
  const coming = times.filter((at) => at > now);
  return coming.length > 0 ? Math.min(...coming) : null;
}

export class Shifts {
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #unfollow: () => void;

  /** `onChange` is called after each planned change, a moment late. */
  constructor(duty: Value<Duty[]>, now: () => number, onChange: () => void) {
    this.#unfollow = duty.subscribe((duties) => {
      clearTimeout(this.#timer);
      const at = nextChange(duties, now());
      if (at !== null) this.#timer = setTimeout(onChange, Math.min(at - now() + LATER_MS + Math.random() * SPREAD_MS, LONGEST_MS));
    });
  }

  close(): void {
    this.#unfollow();
    clearTimeout(this.#timer);
  }
}
