/** What the log calls a deed, in the reader's language. A code not known is shown as it came. */
import { m } from "../../paraglide/messages";

export const PARTS = ["identity", "beds", "messaging", "audit", "integration", "privacy", "api"] as const;
export type Part = (typeof PARTS)[number];

/** Those that a filter offers, by part. */
export const ACTIONS: Record<Part, readonly string[]> = {
  identity: [
    "propose_registrar", "confirm_registrar", "agree_registrar", "withdraw_proposal", "end_registrar", "read_registrars", "end_partner", "read_partners", "read_invitations", "check_invitations", "withdraw_invitation", "reject_member", "sign_in", "sign_out", "read_sign_ins", "end_sign_in", "end_other_sign_ins", "open_by_passkey", "add_device_by_passkey", "read_passkey_rule", "change_passkey_rule", "come_back", "unlock", "invite", "look_invitation", "join", "approve_member", "end_member", "check_leavers", "offer_link", "look_link", "claim_link", "read_claim", "open_link", "approve_link", "refuse_link", "link_device", "change_idle_lock", "prove_sso", "bind_sso", "unbind_sso", "configure_sso", "end_sso", "suspend_by_sso", "log_out_by_sso", "read_sso", "read_sso_accounts", "offer_recovery", "open_recovery", "recover", "offer_renewal", "renew_key",
    "propose_officers", "confirm_officers", "withdraw_officers", "read_officers", "make_deposit", "withdraw_deposit", "read_deposit", "start_restoration", "look_restoration", "ask_restoration", "read_restorations", "approve_restoration", "collect_restoration", "restore", "refuse_restoration", "cancel_restoration", "expire_restoration", "supersede_restoration",
    "revoke_device", "add_wrap", "statement",
    "appoint_auditor", "end_auditor", "take_duty", "hand_over_duty", "create_role", "change_role", "close_role", "add_role_history", "add_unit", "accept_partner", "add_archive", "prepare_hospital",
    "look_setup", "set_up_hospital", "change_settings", "begin_duty", "end_duty", "change_roster", "import_roster", "rehearse_roster", "warn_gap", "read_roster", "read_directory", "read_devices", "read_duty", "read_pending", "read_renewal", "read_renewals", "read_roles", "read_role_seals", "read_settings",
  ],
  beds: [
    "part", "request", "begin_conversation", "submit", "acknowledge", "request_info", "hold", "confirm", "decline", "withdraw", "cancel", "arrange_transport", "depart", "arrive", "divert",
    "answer_info", "expire", "give_up", "drop", "escalate", "alarm_failed", "alarm_reached", "ask_next", "change_escalation", "open_figure", "report_figure", "report_bed", "undo_report", "save_template",
    "delete_template", "read_request", "read_requests", "read_receipt", "read_board", "read_history", "read_beds", "read_escalation", "read_templates",
    "read_statistics", "export_statistics",
  ],
  messaging: [
    "close_conversations", "send", "deliver", "acknowledge", "read", "read_keys", "open_image", "create_conversation", "create_epoch", "admit", "announce_attachment", "store_chunk", "complete_attachment",
    "subscribe_push", "end_push", "refused", "break_glass", "end_break_glass",
  ],
  audit: [
    "search", "read_timeline", "read_disclosures", "read_break_glass", "read_sign_in_failures", "read_activity", "read_roster", "review", "list_reviews", "export",
    "ask_export", "begin_export", "finish_export", "fail_export", "expire_export", "delete_export", "download_export", "read_export", "list_exports", "read",
    "read_witnesses", "republish",
  ],
  integration: [
    "read_clients", "add_client", "change_client", "revoke_client", "issue_token", "refuse_token", "read_resource", "search_resources",
    "add_feed", "map_feed", "end_feed", "take_message", "refuse_message",
    "read_webhooks", "add_webhook", "change_webhook", "renew_webhook_secret", "try_webhook", "end_webhook", "notify", "halt_webhook", "subscribe", "unsubscribe",
  ],
  privacy: ["erased"],
  api: ["refused"],
};

const said = m as unknown as Record<string, (() => string) | undefined>;

export const partWord = (part: Part): string => said[`audit_part_${part}`]?.() ?? part;

export function actionWord(code: string): string {
  const [part = "", verb = ""] = code.split(".");
  return (said[`act_${part}_${verb}`] ?? said[`act_any_${verb}`])?.() ?? code;
}

export const subjectWord = (kind: string): string => said[`subject_${kind}`]?.() ?? kind;
export const witnessWord = (state: string): string => said[`witness_${state}`]?.() ?? state;
export const reviewWord = (kind: "scope" | "finding" | "action", code: string): string => said[`review_${kind}_${code}`]?.() ?? code;

export const SCOPES = ["everything", "break_glass", "sign_ins", "disclosures", "exports", "people", "request"] as const;
export const FINDINGS = ["nothing", "explained", "question", "incident"] as const;
export const REVIEW_ACTIONS = ["none", "asked", "access_ended", "reported"] as const;
