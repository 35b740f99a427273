import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { bareJpeg } from "../../src/images/jpeg";

/** A photograph of a phone, with EXIF, GPS and a comment block of its camera. */
const camera = new Uint8Array(readFileSync(new URL("../../../tests/e2e/photos/camera.jpg", import.meta.url)));

function kindsOf(jpeg: Uint8Array): number[] {
  const kinds: number[] = [];
  let at = 2;
  while (jpeg[at + 1] !== 0xda) {
    kinds.push(jpeg[at + 1] ?? 0);
    at += 2 + (jpeg[at + 2] ?? 0) * 256 + (jpeg[at + 3] ?? 0);
  }
  return kinds;
}

describe("bareJpeg", () => {
  it("drops what a camera wrote about itself and keeps the picture's bytes", async () => {
    const bare = new Uint8Array(await bareJpeg(camera).arrayBuffer());

    expect(kindsOf(camera)).toContain(0xe1);
    expect(kindsOf(bare).filter((kind) => kind >= 0xe1 && kind !== 0xee)).toEqual([]);
    expect(Buffer.from(bare).includes("Lumia")).toBe(false);
    expect(Buffer.from(bare.subarray(-100_000)).equals(Buffer.from(camera.subarray(-100_000)))).toBe(true);
  });

  it.each([["nothing", []], ["another format", [0x89, 0x50]], ["a cut header", [0xff, 0xd8, 0xff, 0xe1, 0xff]]])("refuses %s", (_, bytes) => {
    expect(() => bareJpeg(new Uint8Array(bytes))).toThrow("not a JPEG");
  });
});
