/** What can go wrong here, in words; the rest as everywhere. On its own, so that a phone at night does not fetch it. */
import { m } from "../../../paraglide/messages";
import { problemOf, type Problem } from "../../problems";

const SAID: Partial<Record<string, () => Omit<Problem, "code">>> = {
  "client.key_private": () => ({ what: m.problem_key_private(), next: m.problem_key_private_next() }),
  "client.keys_unfit": () => ({ what: m.problem_keys_unfit(), next: m.problem_keys_unfit_next() }),
  "client.keys_address": () => ({ what: m.problem_keys_address(), next: m.problem_keys_address_next() }),
  "client.keys_unreachable": () => ({ what: m.problem_keys_unreachable(), next: m.problem_keys_unreachable_next() }),
  "client.one_kind_of_keys": () => ({ what: m.problem_keys_one_kind(), next: m.problem_keys_one_kind_next() }),
  "webhook.address_refused": () => ({ what: m.problem_webhook_address(), next: m.problem_webhook_address_next() }),
  "webhook.too_many": () => ({ what: m.problem_webhook_many(), next: m.problem_webhook_many_next() }),
  "webhook.other_generation": () => ({ what: m.problem_webhook_generation(), next: m.problem_webhook_generation_next() }),
  not_found: () => ({ what: m.problem_software_gone(), next: m.problem_software_gone_next() }),
};

export function softwareProblem(error: unknown): Problem {
  const problem = problemOf(error);
  return { ...problem, ...SAID[problem.code]?.() };
}
