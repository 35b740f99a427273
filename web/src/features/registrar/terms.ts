/** Words for an auditor's term. */
import { m } from "../../paraglide/messages";

const REASONS: Record<string, () => string> = {
  data_protection_officer: m.term_data_protection_officer, deputy: m.term_deputy, internal_audit: m.term_internal_audit, external_audit: m.term_external_audit,
  investigation: m.term_investigation,
};
const ENDS: Record<string, () => string> = { left_office: m.term_left_office, done: m.term_done, mistake: m.term_mistake };

/** A code this client does not know is shown as it is. */
export const termReason = (code: string): string => REASONS[code]?.() ?? code;
export const termEnd = (code: string): string => ENDS[code]?.() ?? code;
