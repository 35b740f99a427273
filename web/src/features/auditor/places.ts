/** The parts of the auditor's screens, each with an address of its own. */
import { m } from "../../paraglide/messages";
import type { IconName } from "../../ui/icons";

export type PlaceCode = "events" | "timeline" | "disclosures" | "break-glass" | "sign-in-failures" | "activity" | "reviews" | "exports" | "checkpoints";
export interface Place { code: PlaceCode; icon: IconName; word: () => string; text: () => string }

export const PLACES: readonly Place[] = [
  { code: "events", icon: "search", word: m.audit_events, text: m.audit_events_text },
  { code: "timeline", icon: "clock", word: m.audit_timeline, text: m.audit_timeline_text },
  { code: "disclosures", icon: "share", word: m.audit_disclosures, text: m.audit_disclosures_text },
  { code: "break-glass", icon: "warn", word: m.audit_break_glass, text: m.audit_break_glass_text },
  { code: "sign-in-failures", icon: "no", word: m.audit_sign_ins, text: m.audit_sign_ins_text },
  { code: "activity", icon: "chart", word: m.audit_activity, text: m.audit_activity_text },
  { code: "reviews", icon: "check", word: m.audit_reviews, text: m.audit_reviews_text },
  { code: "exports", icon: "save", word: m.audit_exports, text: m.audit_exports_text },
  { code: "checkpoints", icon: "key", word: m.audit_checkpoints, text: m.audit_checkpoints_text },
];

export const placeOf = (code: string): Place | undefined => PLACES.find((each) => each.code === code);
