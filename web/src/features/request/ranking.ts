/** Which hospitals to ask: those with a fresh free bed of the kind first, then by who is on duty, then by distance. Pure. */
import type { BoardHospital, Capability, Category } from "../../sync/types";

export interface Option {
  hospital: string;
  /** The duty role that answers for this category; null: nobody can be asked. */
  role: string | null;
  isOnDuty: boolean;
  available: number;
  hasUnit: boolean;
  /** A unit of the category exists, but none with all the capabilities sought. */
  isLacking: boolean;
  isStale: boolean;
  reportedAt: string | null;
  distance: number | null;
}

export function rank(board: BoardHospital[], own: string | null, category: Category, capabilities: Capability[]): Option[] {
  return board.filter((each) => each.hospital !== own).map((each) => optionOf(each, category, capabilities)).sort(better);
}

function optionOf(each: BoardHospital, category: Category, capabilities: Capability[]): Option {
  const ofKind = each.units.filter((unit) => unit.category === category);
  const fitting = ofKind.filter((unit) => capabilities.every((code) => unit.capabilities.includes(code)));
  const units = fitting.length ? fitting : ofKind;
  const roles = each.roles.filter((role) => role.categories.length === 0 || role.categories.includes(category));
  // A role that another one's chain leads to answers when called, and is not asked before that one.
  const behind = new Set(each.roles.flatMap((one) => one.escalates_to));
  const first = roles.some((one) => !behind.has(one.role)) ? roles.filter((one) => !behind.has(one.role)) : roles;
  const role = first.find((one) => one.on_duty) ?? first[0];
  return {
    hospital: each.hospital, role: role?.role ?? null, isOnDuty: role?.on_duty ?? false,
    available: fitting.reduce((sum, unit) => sum + Math.max(0, unit.available), 0), hasUnit: ofKind.length > 0,
    isLacking: ofKind.length > 0 && fitting.length === 0, isStale: units.length > 0 && units.every((unit) => unit.is_stale),
    reportedAt: units.map((unit) => unit.reported_at).sort().at(-1) ?? null, distance: each.distance_km,
  };
}

function grade(option: Option): number {
  if (option.role === null) return 5;
  if (!option.hasUnit) return 4;
  if (option.isLacking) return 3;
  if (option.available === 0 || option.isStale) return 2;
  return option.isOnDuty ? 0 : 1;
}

function better(a: Option, b: Option): number {
  return grade(a) - grade(b) || (a.distance ?? Infinity) - (b.distance ?? Infinity) || b.available - a.available;
}

/** At most three worth asking at once, chosen beforehand so that the tired thumb only has to agree. */
export function suggested(options: Option[]): string[] {
  return options.filter((each) => grade(each) <= 2).slice(0, 3).map((each) => each.hospital);
}

export const canAsk = (option: Option): boolean => option.role !== null;
