/**
 * A schematic map from coordinates alone: no tiles, nothing fetched. North is up, the own hospital in the middle, distances true. Pure.
 *
 * Invariant: no two marks are nearer than a thumb: hospitals that would be are one mark with their number.
 */
export interface Spot { id: string; latitude: number; longitude: number }
export interface Mark { ids: string[]; x: number; y: number }
export interface Ring { km: number; radius: number }
export interface Layout { marks: Mark[]; rings: Ring[]; width: number; height: number; centre: { x: number; y: number } }

const KM_PER_DEGREE = 111.2;
const TAP = 52;
const LABEL = 34; // the name below the lowest mark
const RING_KM = [10, 25, 50, 100, 250, 500];

export function layOut(spots: readonly Spot[], centre: { latitude: number; longitude: number }, width: number, height: number): Layout {
  const shrink = Math.cos((centre.latitude * Math.PI) / 180);
  const away = spots.map((spot) => ({
    id: spot.id, east: (spot.longitude - centre.longitude) * KM_PER_DEGREE * shrink, north: (spot.latitude - centre.latitude) * KM_PER_DEGREE,
  }));
  const room = { x: width / 2 - TAP / 2, y: height / 2 - TAP / 2 - LABEL };
  // The furthest in each direction decides; a lone hospital is not blown up beyond ten kilometres.
  const scale = Math.min(room.x / Math.max(10, ...away.map(({ east }) => Math.abs(east))), room.y / Math.max(10, ...away.map(({ north }) => Math.abs(north))));
  const at = { x: width / 2, y: height / 2 };
  const marks: Mark[] = [];
  for (const { id, east, north } of away) {
    const [x, y] = [at.x + east * scale, at.y - north * scale];
    const near = marks.find((mark) => Math.hypot(mark.x - x, mark.y - y) < TAP);
    if (near) near.ids.push(id);
    else marks.push({ ids: [id], x, y });
  }
  const rings = RING_KM.map((km) => ({ km, radius: km * scale })).filter(({ radius }) => radius > TAP && radius < Math.max(width, height) / 2);
  return { marks, rings: rings.slice(-3), width, height, centre: at };
}
