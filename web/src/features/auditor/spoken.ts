/** Events in the reader's language. */
import type { AuditAgent, AuditRecipient, ExportFormat, Outcome } from "../../sync/audit";
import { m } from "../../paraglide/messages";
import type { IconName } from "../../ui/icons";
import type { Tone } from "../../ui/tone";
import { hospitalName, roleName } from "../model.svelte";
import { preferences } from "../preferences.svelte";
import { shortId } from "./asking";

export const localeTag = (): string => (preferences.locale === "de" ? "de-DE" : "en-GB");

export function momentOf(iso: string): string {
  return new Intl.DateTimeFormat(localeTag(), { day: "2-digit", month: "2-digit", year: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(new Date(iso));
}

export const numberOf = (n: number): string => new Intl.NumberFormat(localeTag()).format(n);

export function bytesOf(bytes: number): string {
  const [unit, size] = bytes < 1e6 ? ["kilobyte", 1e3] as const : ["megabyte", 1e6] as const;
  return new Intl.NumberFormat(localeTag(), { style: "unit", unit, maximumFractionDigits: 1 }).format(bytes / size);
}

export function agentWord(agent: AuditAgent): string {
  if (agent.person === null) return m.audit_nobody();
  if (agent.name) return [agent.title, agent.name].filter(Boolean).join(" ");
  return `${agent.is_erased ? m.audit_erased() : m.audit_unnamed()} ${shortId(agent.person)}`;
}

/** Hospital and duty role of who acted. */
export function agentPlace({ hospital, role }: AuditAgent): string {
  return [hospital && (hospitalName(hospital) || shortId(hospital)), role && roleName(role)].filter(Boolean).join(" · ");
}

/** A duty role by its name, a person by pseudonym, and the hospital. */
export function recipientWord({ principal, kind, hospital }: AuditRecipient): string {
  const who = kind === "role" ? roleName(principal) || `${m.subject_role()} ${shortId(principal)}` : kind === "archive" ? m.audit_archive() : `${m.audit_unnamed()} ${shortId(principal)}`;
  return `${who} · ${hospitalName(hospital) || shortId(hospital)}`;
}

const OUTCOMES: Record<Outcome, { tone: Tone; icon: IconName; word: () => string }> = {
  success: { tone: "muted", icon: "check", word: m.outcome_success },
  refused: { tone: "stat", icon: "no", word: m.outcome_refused },
  failed: { tone: "clock", icon: "warn", word: m.outcome_failed },
};

export function outcomeWords(outcome: Outcome): { tone: Tone; icon: IconName; word: string } {
  const { tone, icon, word } = OUTCOMES[outcome];
  return { tone, icon, word: word() };
}

export function nameOfFormat(format: ExportFormat): string {
  return { bundle: m.export_bundle, fhir: m.export_fhir, csv: m.export_csv }[format]();
}

