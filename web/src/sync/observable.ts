/** A value with subscribers: the store contract of Svelte, without Svelte. */
import type { Readable } from "./types";

export class Value<T> implements Readable<T> {
  #value: T;
  readonly #runs = new Set<(value: T) => void>();
  readonly #onFirst: (() => void) | undefined;

  /** `onFirst` is called when the first subscriber comes. */
  constructor(value: T, onFirst?: () => void) {
    this.#value = value;
    this.#onFirst = onFirst;
  }

  get value(): T {
    return this.#value;
  }

  get isWatched(): boolean {
    return this.#runs.size > 0;
  }

  set(value: T): void {
    this.#value = value;
    for (const run of [...this.#runs]) run(value);
  }

  update(change: Partial<T>): void {
    this.set({ ...this.#value, ...change });
  }

  subscribe(run: (value: T) => void): () => void {
    const isFirst = this.#runs.size === 0;
    this.#runs.add(run);
    run(this.#value);
    if (isFirst) this.#onFirst?.();
    return () => this.#runs.delete(run);
  }
}
