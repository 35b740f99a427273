/**
 * What of the board is shown, and in which order. Pure, but for the note to self in this browser.
 *
 * Invariant: unknown is not zero: a hospital that reported nothing is listed as unknown, after all that is known, and never counted as full.
 */
import type { BoardHospital, BoardUnit, Capability, Category } from "../../sync/types";
import { CAPABILITY_CODES, CATEGORY_CODES } from "../words";

export const RADII = [25, 50, 100] as const;
export interface Filter {
  category: Category | "";
  capabilities: Capability[];
  onlyFresh: boolean;
  /** Kilometres; null: however far. */
  radius: number | null;
  view: "list" | "map";
}

export type Standing = "fresh" | "stale" | "unknown";
export interface Row {
  hospital: BoardHospital;
  units: BoardUnit[];
  standing: Standing;
  /** Of the fresh units shown. */
  available: number;
  isOwn: boolean;
}

export const EVERYTHING: Filter = { category: "", capabilities: [], onlyFresh: false, radius: null, view: "list" };

/** The hospital's own limit, by the clock here: a figure grows stale although nobody reports and nothing rings. */
export function isStale(unit: BoardUnit, staleAfterSeconds: number, now: number): boolean {
  return unit.is_stale || now - Date.parse(unit.reported_at) > staleAfterSeconds * 1000;
}

export function rowsOf(board: readonly BoardHospital[], filter: Filter, own: string | null, now: number): Row[] {
  return board.map((each) => rowOf(each, filter, own, now)).filter((row) => isShown(row, filter)).sort(before);
}

function rowOf(hospital: BoardHospital, filter: Filter, own: string | null, now: number): Row {
  const marked = hospital.units.map((unit) => ({ ...unit, is_stale: isStale(unit, hospital.stale_after_seconds, now) }));
  const units = marked.filter((unit) => fits(unit, filter)).sort((a, b) => Number(a.is_stale) - Number(b.is_stale) || b.available - a.available || a.name.localeCompare(b.name));
  const fresh = units.filter((unit) => !unit.is_stale);
  const standing = fresh.length > 0 ? "fresh" : units.length > 0 ? "stale" : "unknown";
  return { hospital, units, standing, available: fresh.reduce((sum, unit) => sum + unit.available, 0), isOwn: hospital.hospital === own };
}

function fits(unit: BoardUnit, { category, capabilities, onlyFresh }: Filter): boolean {
  return (!category || unit.category === category) && capabilities.every((code) => unit.capabilities.includes(code)) && !(onlyFresh && unit.is_stale);
}

function isShown({ hospital, units, isOwn }: Row, filter: Filter): boolean {
  // Without coordinates nobody knows how far: that is no reason to hide a bed.
  if (filter.radius !== null && !isOwn && hospital.distance_km !== null && hospital.distance_km > filter.radius) return false;
  // Who reported nothing at all may have what is sought; who reported, but nothing that fits, has not.
  return units.length > 0 || (hospital.units.length === 0 && !filter.onlyFresh);
}

const ORDER: Record<Standing, number> = { fresh: 0, stale: 1, unknown: 2 };

/** The own house first: its figures are ours to keep true. Then by what is known, then by distance. */
function before(a: Row, b: Row): number {
  const far = (row: Row): number => row.hospital.distance_km ?? Infinity;
  return Number(b.isOwn) - Number(a.isOwn) || ORDER[a.standing] - ORDER[b.standing] || (far(a) === far(b) ? 0 : far(a) - far(b));
}

/** How many choices beyond the category narrow the board. */
export const narrowing = (filter: Filter): number => filter.capabilities.length + Number(filter.onlyFresh) + Number(filter.radius !== null);

const KEY = "wardline-board";

export function rememberedFilter(): Filter {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? "{}") as Partial<Filter>;
    return {
      category: CATEGORY_CODES.includes(kept.category ?? "") ? (kept.category as Category) : "",
      capabilities: (kept.capabilities ?? []).filter((code) => CAPABILITY_CODES.includes(code)),
      onlyFresh: kept.onlyFresh === true,
      radius: RADII.find((each) => each === kept.radius) ?? null,
      view: kept.view === "map" ? "map" : "list",
    };
  } catch {
    return EVERYTHING; // a broken note to self is no reason to fail at night
  }
}

export function rememberFilter(filter: Filter): void {
  localStorage.setItem(KEY, JSON.stringify(filter));
}
