/**
 * Photographs: decoded, edited, encoded anew.
 *
 * Invariant: what leaves here was drawn pixel by pixel. No metadata of the original is in it, and nothing of what lay beneath a blur: the
 * blur is made from a few averages with noise in them, so that not even a letter's average tells the letter.
 */
import { type Arrow, type Blur, boundsOf, croppedTo, type Edits, headOf, type Rect, shrinkFactor, type Size, turned } from "./geometry";
import { bareJpeg } from "./jpeg";

export interface Prepared extends Size { bitmap: ImageBitmap }
export interface Rendered extends Size { blob: Blob }

type Canvas = OffscreenCanvas | HTMLCanvasElement;
type Context = OffscreenCanvasRenderingContext2D | CanvasRenderingContext2D;

// Safari on a phone draws nothing at all on a canvas above this.
const MAX_PIXELS = 16_777_216;
const JPEG_QUALITY = 0.92;
/** Blurred blocks along the longer edge of the whole picture: a line of writing is about one block high. */
const BLOCKS_PER_EDGE = 40;
const NOISE = 28;
const ARROW_COLOUR = "#ff2d55";

/** Decodes upright. Throws `DOMException` if it is no picture. */
export async function prepareImage(file: Blob): Promise<Prepared> {
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  const factor = shrinkFactor(bitmap, MAX_PIXELS);
  if (factor === 1) return { bitmap, width: bitmap.width, height: bitmap.height };
  const [width, height] = [Math.floor(bitmap.width * factor), Math.floor(bitmap.height * factor)];
  const smaller = await createImageBitmap(bitmap, { resizeWidth: width, resizeHeight: height, resizeQuality: "high" });
  bitmap.close();
  return { bitmap: smaller, width, height };
}

/** The picture with its edits as JPEG, at full resolution. */
export async function renderImage(bitmap: ImageBitmap, edits: Edits = {}): Promise<Rendered> {
  const canvas = draw(bitmap, edits, 1);
  const { width, height } = canvas;
  return { blob: await encoded(canvas), width, height };
}

/** The same, small, for the screen. */
export async function previewImage(bitmap: ImageBitmap, edits: Edits, maxEdge: number): Promise<Rendered> {
  const canvas = draw(bitmap, edits, shrinkFactor(croppedTo(edits.crop, bitmap), MAX_PIXELS, maxEdge));
  const { width, height } = canvas;
  return { blob: await encoded(canvas), width, height };
}

function draw(bitmap: ImageBitmap, edits: Edits, scale: number): Canvas {
  const crop = croppedTo(edits.crop, bitmap);
  const size = { width: Math.max(1, Math.round(crop.width * scale)), height: Math.max(1, Math.round(crop.height * scale)) };
  const upright = canvasOf(size);
  const context = contextOf(upright);
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, size.width, size.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, crop.x, crop.y, crop.width, crop.height, 0, 0, size.width, size.height);
  // From here on in pixels of the original.
  context.setTransform(scale, 0, 0, scale, -crop.x * scale, -crop.y * scale);
  for (const blur of edits.blurs ?? []) obscure(context, bitmap, blur);
  for (const arrow of edits.arrows ?? []) point(context, arrow, Math.max(bitmap.width, bitmap.height));
  return rotated(upright, edits.rotate);
}

/** Covers a place with noisy averages of it. The mask keeps the finger's shape. */
function obscure(context: Context, bitmap: ImageBitmap, blur: Blur): void {
  const area = croppedTo(boundsOf(blur), bitmap);
  const mosaic = mosaicOf(bitmap, area);
  const cover = canvasOf(area);
  const paint = contextOf(cover);
  paint.translate(-area.x, -area.y);
  fill(paint, blur);
  // Atop, never in: scaled up smoothly the mosaic fades out at its rim, and what fades lets writing shine through. So it goes on twice,
  // first hard and opaque, then smooth, on a mask that stays opaque.
  paint.globalCompositeOperation = "source-atop";
  for (const isSmooth of [false, true]) {
    paint.imageSmoothingEnabled = isSmooth;
    paint.drawImage(mosaic, area.x, area.y, area.width, area.height);
  }
  context.drawImage(cover, area.x, area.y);
}

function mosaicOf(bitmap: ImageBitmap, area: Rect): Canvas {
  const block = Math.max(16, Math.ceil(Math.max(bitmap.width, bitmap.height) / BLOCKS_PER_EDGE));
  const mosaic = canvasOf({ width: Math.ceil(area.width / block), height: Math.ceil(area.height / block) });
  const context = contextOf(mosaic);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, area.x, area.y, area.width, area.height, 0, 0, mosaic.width, mosaic.height);
  const pixels = context.getImageData(0, 0, mosaic.width, mosaic.height);
  const noise = crypto.getRandomValues(new Uint8Array(Math.min(pixels.data.length, 65_536)));
  for (let i = 0; i < pixels.data.length; i++) {
    pixels.data[i] = i % 4 === 3 ? 255 : (pixels.data[i] ?? 0) + ((noise[i % noise.length] ?? 0) / 255 - 0.5) * 2 * NOISE;
  }
  context.putImageData(pixels, 0, 0);
  return mosaic;
}

function fill(context: Context, blur: Blur): void {
  context.fillStyle = context.strokeStyle = "#000";
  if (!("points" in blur)) return context.fillRect(blur.x, blur.y, blur.width, blur.height);
  context.lineWidth = 2 * blur.radius;
  context.lineCap = context.lineJoin = "round";
  context.beginPath();
  const [first, ...rest] = blur.points;
  if (!first) return;
  context.moveTo(first.x, first.y);
  // A tap is a line to itself: round caps make it a dot.
  for (const { x, y } of rest.length > 0 ? rest : [first]) context.lineTo(x, y);
  context.stroke();
}

function point(context: Context, arrow: Arrow, edge: number): void {
  const width = Math.max(4, edge / 200);
  const [tip, left, right] = headOf(arrow, width * 6);
  context.lineCap = context.lineJoin = "round";
  // A white rim: seen on dark film and on pale skin.
  for (const [colour, extra] of [["#ffffff", width], [ARROW_COLOUR, 0]] as const) {
    context.strokeStyle = context.fillStyle = colour;
    context.lineWidth = width + extra;
    context.beginPath();
    context.moveTo(arrow.from.x, arrow.from.y);
    context.lineTo(tip.x, tip.y);
    context.moveTo(left.x, left.y);
    context.lineTo(tip.x, tip.y);
    context.lineTo(right.x, right.y);
    context.stroke();
  }
}

function rotated(upright: Canvas, rotate: Edits["rotate"] = 0): Canvas {
  if (rotate === 0) return upright;
  const size = turned(upright, rotate);
  const canvas = canvasOf(size);
  const context = contextOf(canvas);
  context.translate(size.width / 2, size.height / 2);
  context.rotate((rotate * Math.PI) / 180);
  context.drawImage(upright, -upright.width / 2, -upright.height / 2);
  return canvas;
}

function canvasOf({ width, height }: Size): Canvas {
  if (typeof OffscreenCanvas !== "undefined") return new OffscreenCanvas(width, height);
  return Object.assign(document.createElement("canvas"), { width, height });
}

function contextOf(canvas: Canvas): Context {
  const context = canvas.getContext("2d") as Context | null;
  if (!context) throw new DOMException("no canvas", "NotSupportedError");
  return context;
}

async function encoded(canvas: Canvas): Promise<Blob> {
  const made = "convertToBlob" in canvas ? await canvas.convertToBlob({ type: "image/jpeg", quality: JPEG_QUALITY }) : await encodedByElement(canvas);
  return bareJpeg(new Uint8Array(await made.arrayBuffer()));
}

function encodedByElement(canvas: HTMLCanvasElement): Promise<Blob> {
  return new Promise((resolve, reject) => {
    const take = (blob: Blob | null) => (blob ? resolve(blob) : reject(new DOMException("not encoded", "EncodingError")));
    canvas.toBlob(take, "image/jpeg", JPEG_QUALITY);
  });
}
