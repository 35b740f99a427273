/**
 * A hospital's log of statements as a Merkle tree (docs/protocol.md section 4.1; RFC 6962 section 2.1).
 *
 * Invariant: a root commits to every leaf, its place and their number; who holds all leaves needs no proof but the root.
 */
import { type Bytes, sha256 } from "./encoding";

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

/** Of a statement as signed. `s` comes first: it has 64 bytes, so where `h` begins needs no saying. */
export async function leafHash({ h, s }: { h: Bytes; s: Bytes }): Promise<Bytes> {
  return sha256(LEAF, s, h);
}

/** All leaf hashes. Roots are made when somebody asks: most of the time nobody does. */
export class Tree {
  readonly leaves: Bytes[] = [];
  readonly #roots = new Map<number, Bytes>();

  get size(): number {
    return this.leaves.length;
  }

  /** The root this tree had at `size`, which is not larger than the tree. */
  async rootAt(size: number): Promise<Bytes> {
    const root = this.#roots.get(size) ?? (await rootOf(this.leaves.slice(0, size)));
    this.#roots.set(size, root);
    return root;
  }
}

async function rootOf(leaves: readonly Bytes[]): Promise<Bytes> {
  let row = leaves;
  // Pair by pair, an odd one goes up as it is: the same tree as splitting at the largest power of two.
  while (row.length > 1) {
    const pairs = Array.from({ length: Math.ceil(row.length / 2) }, (_, i) => row.slice(2 * i, 2 * i + 2));
    row = await Promise.all(pairs.map(async ([left, right]) => (left && right ? sha256(NODE, left, right) : (left as Bytes))));
  }
  return row[0] ?? sha256(new Uint8Array());
}
