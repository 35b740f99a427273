/** Where things are on a picture: pure arithmetic, in pixels of the upright original. */

export interface Point { x: number; y: number }
export interface Rect { x: number; y: number; width: number; height: number }
/** A finger's way; everything within `radius` of it. */
export interface Stroke { points: Point[]; radius: number }
export type Blur = Rect | Stroke;
export interface Arrow { from: Point; to: Point }

export interface Edits {
  /** Clockwise, after cropping. */
  rotate?: 0 | 90 | 180 | 270;
  crop?: Rect;
  blurs?: readonly Blur[];
  arrows?: readonly Arrow[];
}

export interface Size { width: number; height: number }

/** What of the original remains: whole pixels inside it, at least one. */
export function croppedTo(crop: Rect | undefined, { width, height }: Size): Rect {
  const wanted = crop ?? { x: 0, y: 0, width, height };
  const x = clamp(Math.floor(wanted.x), 0, width - 1);
  const y = clamp(Math.floor(wanted.y), 0, height - 1);
  return { x, y, width: clamp(Math.ceil(wanted.width), 1, width - x), height: clamp(Math.ceil(wanted.height), 1, height - y) };
}

export function turned({ width, height }: Size, rotate: Edits["rotate"] = 0): Size {
  return rotate === 90 || rotate === 270 ? { width: height, height: width } : { width, height };
}

/** What a blur can touch. */
export function boundsOf(blur: Blur): Rect {
  if (!("points" in blur)) return blur;
  const xs = blur.points.map(({ x }) => x);
  const ys = blur.points.map(({ y }) => y);
  const [left, top] = [Math.min(...xs) - blur.radius, Math.min(...ys) - blur.radius];
  return { x: left, y: top, width: Math.max(...xs) + blur.radius - left, height: Math.max(...ys) + blur.radius - top };
}

/** The three corners of an arrow's head. */
export function headOf({ from, to }: Arrow, length: number): [Point, Point, Point] {
  const angle = Math.atan2(to.y - from.y, to.x - from.x);
  const corner = (turn: number): Point => ({ x: to.x - length * Math.cos(angle + turn), y: to.y - length * Math.sin(angle + turn) });
  return [to, corner(Math.PI / 7), corner(-Math.PI / 7)];
}

/** The factor that brings a picture under `maxPixels` and `maxEdge`; never above 1. */
export function shrinkFactor({ width, height }: Size, maxPixels: number, maxEdge = Infinity): number {
  return Math.min(1, Math.sqrt(maxPixels / (width * height)), maxEdge / Math.max(width, height));
}

function clamp(value: number, from: number, to: number): number {
  return Math.min(Math.max(value, from), Math.max(from, to));
}
