/**
 * Files in sealed chunks, the STREAM construction (docs/protocol.md section 8).
 *
 * Invariant: a file opens whole and in order or not at all: counter and last-chunk flag are in every nonce.
 */
import { type Bytes, concat } from "./encoding";
import { ProtocolError } from "./errors";

export const CHUNK_BYTES = 1 << 20;
const TAG = 16;

/** Bytes of ciphertext of a file of `size` bytes. */
export function sealedSize(size: number): number {
  return size + TAG * Math.max(1, Math.ceil(size / CHUNK_BYTES));
}

type Apply = (nonce: Bytes, chunk: Bytes, counter: number) => Promise<Bytes>;

function nonceOf(counter: number, isLast: boolean): Bytes {
  const nonce = new Uint8Array(12);
  // 2^32 chunks are 4 PiB, so the upper seven bytes stay zero.
  new DataView(nonce.buffer).setUint32(7, counter);
  nonce[11] = isLast ? 1 : 0;
  return nonce;
}

/** Cuts into pieces of `length`; a piece is known to be the last only when nothing follows it. */
function inChunks(length: number, apply: Apply): TransformStream<Uint8Array, Bytes> {
  let buffered: Bytes = new Uint8Array();
  let counter = 0;
  return new TransformStream<Uint8Array, Bytes>({
    async transform(part, controller) {
      buffered = concat(buffered, part);
      while (buffered.length > length) {
        controller.enqueue(await apply(nonceOf(counter, false), buffered.slice(0, length), counter));
        buffered = buffered.slice(length);
        counter += 1;
      }
    },
    async flush(controller) {
      controller.enqueue(await apply(nonceOf(counter, true), buffered, counter));
    },
  });
}

/** Seals what flows through; `key` must be fresh for every file. Each piece that comes out is one sealed chunk. */
export async function sealStream(key: Bytes, chunkBytes = CHUNK_BYTES): Promise<TransformStream<Uint8Array, Bytes>> {
  const secret = await crypto.subtle.importKey("raw", key, "AES-GCM", false, ["encrypt"]);
  return inChunks(chunkBytes, async (iv, chunk) => new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv }, secret, chunk)));
}

/** Opens what flows through; fails with `image.unreadable`. What came out before must then be thrown away. */
export async function openStream(key: Bytes, chunkBytes = CHUNK_BYTES): Promise<TransformStream<Uint8Array, Bytes>> {
  const secret = await crypto.subtle.importKey("raw", key, "AES-GCM", false, ["decrypt"]);
  return inChunks(chunkBytes + TAG, async (iv, chunk, counter) => {
    const plain = await crypto.subtle.decrypt({ name: "AES-GCM", iv }, secret, chunk).catch(() => null);
    if (!plain || (counter > 0 && plain.byteLength === 0)) throw new ProtocolError("image.unreadable", `chunk ${counter}`);
    return new Uint8Array(plain);
  });
}

async function through(source: Blob, transform: TransformStream<Uint8Array, Bytes>, type: string): Promise<Blob> {
  const parts: Bytes[] = [];
  const reader = source.stream().pipeThrough(transform).getReader();
  for (let step = await reader.read(); !step.done; step = await reader.read()) parts.push(step.value);
  return new Blob(parts, { type });
}

export async function sealImage(plain: Blob, key: Bytes, chunkBytes = CHUNK_BYTES): Promise<Blob> {
  return through(plain, await sealStream(key, chunkBytes), "application/octet-stream");
}

/** Throws `image.unreadable`. */
export async function openImage(sealed: Blob, key: Bytes, type: string, chunkBytes = CHUNK_BYTES): Promise<Blob> {
  return through(sealed, await openStream(key, chunkBytes), type);
}
