/** A step line of the beds free over time, as an SVG path: a figure stands until the next. Pure. */
import type { FigurePoint } from "../../sync/types";

export interface Frame { width: number; height: number }
export interface Chart { line: string; area: string; /** Spans in which no bed was free, as x and width. */ full: { x: number; width: number }[]; most: number; least: number }

export function chartOf(points: readonly FigurePoint[], since: number, until: number, { width, height }: Frame): Chart | null {
  if (points.length === 0) return null;
  const most = Math.max(1, ...points.map((point) => point.free));
  const x = (at: number): number => round(((Math.min(Math.max(at, since), until) - since) / (until - since)) * width);
  const y = (free: number): number => round(height - (Math.max(0, free) / most) * height);
  const steps = points.map((point, index) => ({ from: x(Date.parse(point.at)), to: index + 1 < points.length ? x(Date.parse(points[index + 1]?.at ?? "")) : width, point }));
  const first = steps[0];
  if (!first) return null;
  const line = steps.reduce((path, { from, to, point }, index) => `${path}${index ? "L" : "M"}${from} ${y(point.free)}H${to}`, "");
  // The least within a thinned point's span, not only how it ended: else an hour without a bed would not show.
  const full = steps.filter(({ point }) => point.free_least <= 0).map(({ from, to }) => ({ x: from, width: Math.max(2, round(to - from)) }));
  return { line, area: `${line}V${height}H${first.from}Z`, full, most, least: Math.min(...points.map((point) => point.free_least)) };
}

const round = (value: number): number => Math.round(value * 10) / 10;

/** Midnights within the span, for the grid. */
export function midnights(since: number, until: number): number[] {
  const day = new Date(since);
  day.setHours(24, 0, 0, 0);
  const found: number[] = [];
  while (day.getTime() < until) {
    found.push(day.getTime());
    day.setDate(day.getDate() + 1);
  }
  return found;
}
