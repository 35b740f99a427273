/** An error in words: what happened, that nothing was lost, what to do next. The server's `detail` is never shown: it is for engineers. */
import { m } from "../paraglide/messages";

export interface Problem { code: string; what: string; next: string }

type Said = () => { what: string; next: string };

const SAID: Record<string, Said> = {
  "network.offline": () => ({ what: m.problem_network(), next: m.problem_network_next() }),
  "offer.expired": () => ({ what: m.problem_offer_expired(), next: m.problem_offer_expired_next() }),
  "request.already_confirmed": () => ({ what: m.problem_already_confirmed(), next: m.problem_already_confirmed_next() }),
  "candidate.wrong_state": () => ({ what: m.problem_wrong_state(), next: m.problem_wrong_state_next() }),
  "capacity.full": () => ({ what: m.problem_capacity_full(), next: m.problem_capacity_full_next() }),
  "capacity.changed": () => ({ what: m.problem_capacity_changed(), next: m.problem_capacity_changed_next() }),
  "capacity.out_of_bounds": () => ({ what: m.problem_out_of_bounds(), next: m.problem_out_of_bounds_next() }),
  "template.changed": () => ({ what: m.problem_template_changed(), next: m.problem_template_changed_next() }),
  "template.known": () => ({ what: m.problem_template_known(), next: m.problem_template_known_next() }),
  "template.not_yours": () => ({ what: m.problem_template_not_yours(), next: m.problem_template_not_yours_next() }),
  "template.too_many": () => ({ what: m.problem_template_too_many(), next: m.problem_template_too_many_next() }),
  "capacity.fed_by_adt": () => ({ what: m.problem_fed_by_adt(), next: m.problem_fed_by_adt_next() }),
  "capacity.counted_by_bed": () => ({ what: m.problem_by_bed(), next: m.problem_by_bed_next() }),
  "capacity.nothing_to_undo": () => ({ what: m.problem_no_undo(), next: m.problem_no_undo_next() }),
  "capacity.reserve_order": () => ({ what: m.problem_reserve(), next: m.problem_reserve_next() }),
  "bed.promised": () => ({ what: m.problem_bed_promised(), next: m.problem_bed_promised_next() }),
  "role.not_on_duty": () => ({ what: m.problem_not_on_duty(), next: m.problem_not_on_duty_next() }),
  "role.changed": () => ({ what: m.problem_role_changed(), next: m.problem_role_changed_next() }),
  "role.history_missing": () => ({ what: m.problem_role_history(), next: m.problem_role_history_next() }),
  "role.name_taken": () => ({ what: m.problem_role_name(), next: m.problem_role_name_next() }),
  "passkey.cancelled": () => ({ what: m.problem_passkey(), next: m.problem_passkey_next() }),
  "passkey.unsupported": () => ({ what: m.problem_passkey_unsupported(), next: m.problem_passkey_unsupported_next() }),
  "device.unknown": () => ({ what: m.problem_device_unknown(), next: m.problem_device_unknown_next() }),
  "link.expired": () => ({ what: m.problem_link_expired(), next: m.problem_link_expired_next() }),
  "passkey.not_enough": () => ({ what: m.problem_passkey_not_enough(), next: m.problem_passkey_not_enough_next() }),
  "passkey.no_copy": () => ({ what: m.problem_passkey_no_copy(), next: m.problem_passkey_no_copy_next() }),
  "sign_in.too_many": () => ({ what: m.problem_too_many(), next: m.problem_too_many_next() }),
  "link.claimed": () => ({ what: m.problem_link_claimed(), next: m.problem_link_claimed_next() }),
  "link.refused": () => ({ what: m.problem_link_refused(), next: m.problem_link_refused_next() }),
  "recovery.wrong": () => ({ what: m.problem_recovery_wrong(), next: m.problem_recovery_wrong_next() }),
  "recovery.no_code": () => ({ what: m.problem_recovery_no_code(), next: m.problem_recovery_no_code_next() }),
  "identity.not_confirmed": () => ({ what: m.problem_not_confirmed(), next: m.problem_not_confirmed_next() }),
  "image.unreadable": () => ({ what: m.problem_image(), next: m.problem_image_next() }),
  "camera.denied": () => ({ what: m.problem_camera(), next: m.problem_camera_next() }),
  "wrap.unreadable": () => ({ what: m.problem_wrap(), next: m.problem_wrap_next() }),
  "membership.ended": () => ({ what: m.problem_ended(), next: m.problem_ended_next() }),
  "duty.changed": () => ({ what: m.problem_duty_changed(), next: m.problem_duty_changed_next() }),
  "duty.not_eligible": () => ({ what: m.problem_not_eligible(), next: m.problem_not_eligible_next() }),
  "roster.changed": () => ({ what: m.problem_roster_changed(), next: m.problem_roster_changed_next() }),
  "roster.overlap": () => ({ what: m.problem_roster_overlap(), next: m.problem_roster_overlap_next() }),
  "roster.past": () => ({ what: m.problem_roster_past(), next: m.problem_roster_past_next() }),
  "roster.shift": () => ({ what: m.problem_roster_shift(), next: m.problem_roster_shift_next() }),
  "auditor.required": () => ({ what: m.problem_auditor(), next: m.problem_auditor_next() }),
  "export.too_many": () => ({ what: m.problem_too_many_exports(), next: m.problem_too_many_exports_next() }),
  "registrar.required": () => ({ what: m.registrars_only(), next: m.registrars_only_text() }),
  "member.last_registrar": () => ({ what: m.problem_last_registrar(), next: m.problem_last_registrar_next() }),
  "member.not_shown": () => ({ what: m.problem_not_shown(), next: m.problem_not_shown_next() }),
  "push.denied": () => ({ what: m.problem_push_denied(), next: m.problem_push_denied_next() }),
  "push.unsupported": () => ({ what: m.problem_push_unsupported(), next: m.problem_push_unsupported_next() }),
  "escalation.changed": () => ({ what: m.problem_chain_changed(), next: m.problem_chain_changed_next() }),
  "quiet.hours": () => ({ what: m.problem_quiet_hours(), next: m.problem_quiet_hours_next() }),
  "promise.mismatch": () => ({ what: m.problem_promise(), next: m.problem_promise_next() }),
  "promise.wrong_clock": () => ({ what: m.problem_clock(), next: m.problem_clock_next() }),
  "directory.rolled_back": () => ({ what: m.problem_rolled_back(), next: m.problem_directory_next() }),
  "directory.split": () => ({ what: m.problem_split(), next: m.problem_directory_next() }),
  "directory.withheld": () => ({ what: m.problem_withheld(), next: m.problem_directory_next() }),
  "sso.required": () => ({ what: m.problem_sso_required(), next: m.problem_sso_required_next() }),
  "sso.refused": () => ({ what: m.problem_sso_refused(), next: m.problem_sso_refused_next() }),
  "sso.not_bound": () => ({ what: m.problem_sso_not_bound(), next: m.problem_sso_not_bound_next() }),
  "sso.subject_taken": () => ({ what: m.problem_sso_taken(), next: m.problem_sso_taken_next() }),
  "sso.unreachable": () => ({ what: m.problem_sso_unreachable(), next: m.problem_sso_unreachable_next() }),
  "sso.unknown_attempt": () => ({ what: m.problem_sso_again(), next: m.problem_sso_again_next() }),
  "sso.issuer_mismatch": () => ({ what: m.problem_sso_issuer(), next: m.problem_sso_issuer_next() }),
  "sso.issuer_unfit": () => ({ what: m.problem_sso_unfit(), next: m.problem_sso_unfit_next() }),
  "sso.address_refused": () => ({ what: m.problem_sso_address(), next: m.problem_sso_address_next() }),
  "sso.client_refused": () => ({ what: m.problem_sso_client(), next: m.problem_sso_client_next() }),
  "sso.secret_missing": () => ({ what: m.problem_sso_secret(), next: m.problem_sso_secret_next() }),
  "sso.try_first": () => ({ what: m.problem_sso_try(), next: m.problem_sso_try_next() }),
  "statement.no_chain": () => ({ what: m.problem_chain(), next: m.problem_chain_next() }),
};
const ALIASES: Record<string, string> = {
  "passkey.not_synced": "passkey.no_copy",
  "sso.other_account": "sso.subject_taken", "sso.wrong_issuer": "sso.unknown_attempt", "sso.token_refused": "sso.unknown_attempt",
  NotAllowedError: "passkey.cancelled", AbortError: "passkey.cancelled", "challenge.unknown": "passkey.cancelled", "passkey.refused": "passkey.cancelled",
  NotSupportedError: "passkey.unsupported", "passkey.unknown": "device.unknown", "device.signature": "device.unknown", "device.revoked": "membership.ended",
  InvalidStateError: "image.unreadable", EncodingError: "image.unreadable", "attachment.unreadable": "image.unreadable",
  "statement.fork": "statement.no_chain", "statement.revoked": "statement.no_chain", "duty.taken": "duty.changed", "duty.not_holder": "duty.changed",
  "request.closed": "candidate.wrong_state", "member.not_pending": "candidate.wrong_state", 
  "signature.invalid": "promise.mismatch", "promise.out_of_time": "promise.mismatch", "promise.wrong_signer": "promise.mismatch", "receipt.none": "candidate.wrong_state",
  "role.generation": "role.changed", "role.stale_seals": "role.changed", "statement.stale": "role.changed",
  "bed.changed": "capacity.changed", "bed.taken": "capacity.full",
};

export function problemOf(error: unknown): Problem {
  const { code, name } = error as { code?: unknown; name?: unknown };
  const raw = typeof code === "string" && code ? code : typeof name === "string" ? name : "unknown";
  const known = ALIASES[raw] ?? raw;
  const said = SAID[known] ?? (/^(invitation|link)\./.test(raw) ? SAID["link.expired"] : undefined);
  return { code: raw, ...(said ? said() : { what: m.problem_unknown(), next: m.problem_unknown_next({ code: raw }) }) };
}
