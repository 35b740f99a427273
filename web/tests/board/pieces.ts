import type { BoardHospital, BoardUnit } from "../../src/sync/types";

export const NOW = Date.parse("2026-03-01T03:00:00Z");
const minutesAgo = (minutes: number): string => new Date(NOW - minutes * 60_000).toISOString();

export function unit(name: string, more: Partial<BoardUnit> & { age?: number } = {}): BoardUnit {
  const { age = 12, ...given } = more;
  return {
    capacity: name, unit: `u-${name}`, name, category: "icu-high", staffed: 10, occupied: 8, blocked: 0, held: 0, available: 2, capabilities: [],
    reserve_24h: null, reserve_72h: null, assessment: "unknown", limits: [], free_ecmo: null, free_crrt: null, sex_restriction: "", age_bands: [],
    reported_at: minutesAgo(age), is_stale: false, source: "manual", override: "", is_by_bed: false, version: 1, ...given,
  };
}

export function house(hospital: string, distance: number | null, ...units: BoardUnit[]): BoardHospital {
  return { hospital, distance_km: distance, stale_after_seconds: 12 * 3600, roles: [], units };
}
