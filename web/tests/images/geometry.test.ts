import { describe, expect, test } from "vitest";
import { boundsOf, croppedTo, headOf, shrinkFactor, turned } from "../../src/images/geometry";

const photo = { width: 4000, height: 3000 };

describe("cropping", () => {
  test("without a wish keeps everything", () => expect(croppedTo(undefined, photo)).toEqual({ x: 0, y: 0, ...photo }));
  test("stays inside the picture", () => {
    expect(croppedTo({ x: -50, y: 2900.5, width: 9000, height: 900 }, photo)).toEqual({ x: 0, y: 2900, width: 4000, height: 100 });
  });
  test("leaves at least a pixel", () => expect(croppedTo({ x: 5000, y: 5000, width: 0, height: -3 }, photo)).toEqual({ x: 3999, y: 2999, width: 1, height: 1 }));
});

test("a quarter turn swaps the edges, a half does not", () => {
  expect([90, 180, 270, 0].map((angle) => turned(photo, angle as 90).width)).toEqual([3000, 4000, 3000, 4000]);
});

test("a finger's way is covered to its rim", () => {
  const stroke = { points: [{ x: 100, y: 50 }, { x: 40, y: 90 }], radius: 10 };
  expect(boundsOf(stroke)).toEqual({ x: 30, y: 40, width: 80, height: 60 });
});

test("an arrow's head is at its tip and as long as asked", () => {
  const [tip, left, right] = headOf({ from: { x: 0, y: 0 }, to: { x: 100, y: 0 } }, 20);
  expect(tip).toEqual({ x: 100, y: 0 });
  for (const corner of [left, right]) expect(Math.hypot(corner.x - 100, corner.y)).toBeCloseTo(20);
  expect(left.y).toBeCloseTo(-right.y);
});

test("a picture is made smaller only where it must be", () => {
  expect(shrinkFactor(photo, 16_777_216)).toBe(1);
  expect(shrinkFactor({ width: 8000, height: 6000 }, 12_000_000)).toBeCloseTo(0.5);
  expect(shrinkFactor(photo, Infinity, 1000)).toBe(0.25);
});
