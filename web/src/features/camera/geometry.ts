/** From the picture as shown (turned clockwise by `rotate`) back to the pixels of the bitmap, where edits are kept. Pure. */
export interface Point { x: number; y: number }
export type Turn = 0 | 90 | 180 | 270;

export function fromView(point: Point, rotate: Turn, width: number, height: number): Point {
  if (rotate === 90) return { x: point.y, y: height - point.x };
  if (rotate === 180) return { x: width - point.x, y: height - point.y };
  if (rotate === 270) return { x: width - point.y, y: point.x };
  return { x: point.x, y: point.y };
}
