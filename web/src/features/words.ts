/** Codes of the API in the reader's language. A code not known is shown as it came: never hidden, never an error. */
import { m } from "../paraglide/messages";
import type { IconName } from "../ui/icons";
import type { Tone } from "../ui/tone";
import type { CandidateState, MessageState } from "../sync/types";

type Words = Record<string, () => string>;

const look = (words: Words) => (code: string): string => words[code]?.() ?? code;

const CATEGORIES: Words = {
  "icu-high": m.category_icu_high, "icu-low": m.category_icu_low, imc: m.category_imc, ward: m.category_ward, picu: m.category_picu,
  nicu: m.category_nicu, peds: m.category_peds, burn: m.category_burn, nursery: m.category_nursery, psych: m.category_psych,
  rehab: m.category_rehab, ed: m.category_ed, obstetric: m.category_obstetric,
};
const CAPABILITIES: Words = {
  niv: m.capability_niv, "invasive-vent": m.capability_invasive_vent, ecmo: m.capability_ecmo, crrt: m.capability_crrt, oxygen: m.capability_oxygen,
  telemetry: m.capability_telemetry, isolation: m.capability_isolation, bariatric: m.capability_bariatric,
};
const URGENCIES: Words = { stat: m.urgency_stat, asap: m.urgency_asap, urgent: m.urgency_urgent, routine: m.urgency_routine };
const AGES: Words = {
  neonate: m.age_neonate, infant: m.age_infant, child: m.age_child, adolescent: m.age_adolescent, adult: m.age_adult, senior: m.age_senior,
};
const SEXES: Words = { female: m.sex_female, male: m.sex_male, other: m.sex_other, unknown: m.sex_unknown };
const TRANSPORTS: Words = { ground: m.transport_ground, air: m.transport_air, own: m.transport_own };
const REASONS: Words = {
  "no-bed": m.reason_no_bed, "no-staff": m.reason_no_staff, "no-capability": m.reason_no_capability, "wrong-speciality": m.reason_wrong_speciality,
  diversion: m.reason_diversion, other: m.reason_other, superseded: m.reason_superseded, "cannot-be-asked": m.reason_cannot_be_asked, "partnership-ended": m.reason_partnership_ended, died: m.reason_died, improved: m.reason_improved,
  "other-hospital-confirmed": m.reason_other_hospital, "transport-impossible": m.reason_transport_impossible,
  "condition-changed": m.reason_condition_changed, unstable: m.reason_unstable, "destination-closed": m.reason_destination_closed,
  lost: m.reason_lost, stolen: m.reason_stolen, replaced: m.reason_replaced, left: m.reason_left,
};
const FAILURES: Words = { "nobody-on-duty": m.failure_nobody, "no-device": m.failure_no_device, "not-reached": m.failure_not_reached };
const SPECIALITIES: Words = {
  anaesthesia: m.speciality_anaesthesia, "internal-medicine": m.speciality_internal, cardiology: m.speciality_cardiology, pneumology: m.speciality_pneumology,
  nephrology: m.speciality_nephrology, gastroenterology: m.speciality_gastroenterology, oncology: m.speciality_oncology, neurology: m.speciality_neurology,
  neurosurgery: m.speciality_neurosurgery, surgery: m.speciality_surgery, trauma: m.speciality_trauma, "cardiac-surgery": m.speciality_cardiac_surgery,
  "vascular-surgery": m.speciality_vascular_surgery, burns: m.speciality_burns, paediatrics: m.speciality_paediatrics, neonatology: m.speciality_neonatology,
  obstetrics: m.speciality_obstetrics, psychiatry: m.speciality_psychiatry, rehabilitation: m.speciality_rehabilitation,
};
const ASSESSMENTS: Words = { available: m.assessment_available, limited: m.assessment_limited, unavailable: m.assessment_unavailable, unknown: m.assessment_unknown };
const LIMITS: Words = { staff: m.limit_staff, rooms: m.limit_rooms, ventilators: m.limit_ventilators, material: m.limit_material };
const OVERRIDES: Words = { "feed-down": m.override_feed_down, "feed-wrong": m.override_feed_wrong, "feed-ended": m.override_feed_ended };
const BED_STATUSES: Words = { U: m.bed_free, O: m.bed_occupied, H: m.bed_cleaning, I: m.bed_isolated, K: m.bed_contaminated, C: m.bed_closed };
const CAUSES: Words = { opened: m.cause_opened, report: m.cause_report, bed: m.cause_bed, arrival: m.cause_arrival, undo: m.cause_undo };
const PROFESSIONS: Words = { physician: m.profession_physician, nurse: m.profession_nurse, coordinator: m.profession_coordinator, it: m.profession_it, registrar: m.registrar };

export const CATEGORY_CODES = Object.keys(CATEGORIES);
export const CAPABILITY_CODES = Object.keys(CAPABILITIES);
export const URGENCY_CODES = ["stat", "asap", "urgent", "routine"] as const;
export const SPECIALITY_CODES = Object.keys(SPECIALITIES);
export const AGE_CODES = Object.keys(AGES);
export const DECLINE_REASONS = ["no-bed", "no-staff", "no-capability", "wrong-speciality", "diversion", "other"];
export const CANCEL_REASONS = ["superseded", "improved", "died", "other"];
export const WITHDRAW_REASONS = ["transport-impossible", "condition-changed", "other"];
export const DIVERT_REASONS = ["unstable", "destination-closed", "other"];

export const ASSESSMENT_CODES = ["unknown", "available", "limited", "unavailable"] as const;
export const LIMIT_CODES = ["staff", "rooms", "ventilators", "material"] as const;
export const OVERRIDE_CODES = ["feed-down", "feed-wrong", "feed-ended"] as const;
export const BED_STATUS_CODES = ["U", "O", "H", "I", "K", "C"] as const;

export const assessment = look(ASSESSMENTS);
export const limit = look(LIMITS);
export const override = look(OVERRIDES);
export const bedStatus = look(BED_STATUSES);
export const cause = look(CAUSES);
export const category = look(CATEGORIES);
export const capability = look(CAPABILITIES);
export const urgency = look(URGENCIES);
export const speciality = look(SPECIALITIES);
export const ageBand = look(AGES);
export const sex = look(SEXES);
export const transport = look(TRANSPORTS);
export const reason = look(REASONS);
export const failure = look(FAILURES);
export const profession = look(PROFESSIONS);
export const PROFESSION_CODES = Object.keys(PROFESSIONS);

/** What somebody is, as a registrar verified it: "Ärztin/Arzt, Anästhesie". */
export function calling(person: { profession: string; speciality: string }): string {
  return [profession(person.profession), person.speciality && speciality(person.speciality)].filter(Boolean).join(", ");
}

/** "Intensiv, High Care": the need in one line, most important first. */
export function need(request: { category: string; capabilities: string[]; age_band: string; sex: string }): string[] {
  return [...request.capabilities.map(capability), request.age_band && ageBand(request.age_band), request.sex && sex(request.sex)].filter(Boolean);
}

export interface StateWords { tone: Tone; icon: IconName; word: string }

const STATES: Record<CandidateState, { tone: Tone; icon: IconName; origin: () => string; destination?: () => string }> = {
  draft: { tone: "plain", icon: "expired", origin: m.state_draft },
  submitted: { tone: "clock", icon: "clock", origin: m.state_submitted, destination: m.state_submitted_here },
  acknowledged: { tone: "plain", icon: "eye", origin: m.state_acknowledged, destination: m.state_acknowledged_here },
  "info-requested": { tone: "action", icon: "question", origin: m.state_info_requested, destination: m.state_info_requested_here },
  held: { tone: "clock", icon: "bed", origin: m.state_held, destination: m.state_held_here },
  confirmed: { tone: "kept", icon: "check", origin: m.state_confirmed },
  "transport-arranged": { tone: "kept", icon: "ambulance", origin: m.state_transport_arranged },
  "in-transit": { tone: "kept", icon: "route", origin: m.state_in_transit },
  arrived: { tone: "kept", icon: "arrived", origin: m.state_arrived },
  declined: { tone: "muted", icon: "no", origin: m.state_declined },
  cancelled: { tone: "muted", icon: "close", origin: m.state_cancelled },
  "no-response": { tone: "stat", icon: "warn", origin: m.state_no_response },
  expired: { tone: "muted", icon: "expired", origin: m.state_expired },
  withdrawn: { tone: "muted", icon: "undo", origin: m.state_withdrawn },
  diverted: { tone: "stat", icon: "route", origin: m.state_diverted },
};

export function stateWords(state: CandidateState, isDestination: boolean): StateWords {
  const { tone, icon, origin, destination } = STATES[state];
  return { tone, icon, word: ((isDestination && destination) || origin)() };
}

const DELIVERY: Record<MessageState, { icon: IconName; tone: Tone; word: () => string }> = {
  waiting: { icon: "clock", tone: "clock", word: m.delivery_waiting },
  sent: { icon: "check", tone: "muted", word: m.delivery_sent },
  delivered: { icon: "checks", tone: "muted", word: m.delivery_delivered },
  acknowledged: { icon: "checks", tone: "kept", word: m.delivery_acknowledged },
  refused: { icon: "warn", tone: "stat", word: m.delivery_failed },
};

export function deliveryWords(state: MessageState): StateWords {
  const { icon, tone, word } = DELIVERY[state];
  return { icon, tone, word: word() };
}
