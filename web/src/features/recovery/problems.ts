/** What can go wrong with recovery officers, in words; the rest is said as everywhere. Apart, so that the night's screens do not carry it. */
import { m } from "../../paraglide/messages";
import { problemOf, type Problem } from "../problems";

const SAID: Record<string, () => { what: string; next: string }> = {
  "restoration.no_deposit": () => ({ what: m.problem_no_deposit(), next: m.problem_no_deposit_next() }),
  "restoration.open": () => ({ what: m.problem_restoration_open(), next: m.problem_restoration_open_next() }),
  "restoration.over": () => ({ what: m.problem_restoration_over(), next: m.problem_restoration_over_next() }),
  "restoration.approved": () => ({ what: m.problem_restoration_approved(), next: m.problem_restoration_approved_next() }),
  "restoration.oneself": () => ({ what: m.problem_restoration_oneself(), next: m.problem_restoration_oneself_next() }),
  "restoration.started_by_you": () => ({ what: m.restoration_not_by_you(), next: "" }),
  "restoration.not_asked": () => ({ what: m.restoration_no_device(), next: "" }),
  "deposit.stale": () => ({ what: m.problem_deposit_stale(), next: m.problem_deposit_stale_next() }),
  "deposit.off": () => ({ what: m.deposit_off(), next: "" }),
  "deposit.officer": () => ({ what: m.deposit_officer(), next: "" }),
  "officers.second_person": () => ({ what: m.key_officers_needs_second(), next: "" }),
  "officers.other_keys": () => ({ what: m.problem_officers_keys(), next: m.problem_officers_keys_next() }),
  "officers.proposed": () => ({ what: m.problem_officers_open(), next: m.problem_officers_open_next() }),
};

export function recoveryProblem(error: unknown): Problem {
  const code = String((error as { code?: unknown }).code);
  const said = SAID[code];
  return said ? { code, ...said() } : problemOf(error);
}
