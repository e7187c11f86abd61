import type { Fence, KeyFences } from './key-fences.js';
import type { Kept } from './memory-tier.js';

export interface OwnCopiesOptions {
  readonly fences: KeyFences;
  /** The stamp of what Redis has of each name, '' for none; `null`: out of reach. */
  readonly stampsOf: (names: readonly string[]) => Promise<readonly (string | undefined)[] | null>;
  /** Puts a copy back into memory. */
  readonly keep: (name: string, kept: Kept) => void;
}

interface OwnCopy {
  readonly stamp: string;
  readonly kept: Kept;
}

/**
 * Redis tells of this process's own writes as of any other's, and never whose a change was: the copy of what was
 * just stored has to go with every message. So that the next read need not fetch it again, this asks which
 * write Redis holds now, and puts the copy back if it is that one. Nothing else may have changed the key since:
 * a change before the question shows in the answer, and one after it breaks the fence.
 */
export class OwnCopies {
  readonly #fences: KeyFences;
  readonly #stampsOf: OwnCopiesOptions['stampsOf'];
  readonly #keep: OwnCopiesOptions['keep'];
  readonly #expected = new Map<string, OwnCopy>();
  #doubted: { readonly name: string; readonly copy: OwnCopy; readonly fence: Fence }[] = [];

  constructor({ fences, stampsOf, keep }: OwnCopiesOptions) {
    this.#fences = fences;
    this.#stampsOf = stampsOf;
    this.#keep = keep;
  }

  /** To be called before a write is sent that Redis will tell of. */
  expect(name: string, stamp: string, kept: Kept): void {
    this.#expected.set(name, { stamp, kept });
  }

  /** That write did not take place, or nobody knows. */
  forget(name: string, stamp: string): void {
    if (this.#expected.get(name)?.stamp === stamp) this.#expected.delete(name);
  }

  forgetAll(): void {
    this.#expected.clear();
  }

  /** To be called after a change was told of, and the copy was given up. */
  doubt(name: string): void {
    const copy = this.#expected.get(name);
    if (copy === undefined) return;
    this.#expected.delete(name);
    // One message brings many names: one question for all of them.
    if (this.#doubted.length === 0) queueMicrotask(() => void this.#ask());
    this.#doubted.push({ name, copy, fence: this.#fences.enter(name) });
  }

  async #ask(): Promise<void> {
    const doubted = this.#doubted;
    this.#doubted = [];
    const stamps = await this.#stampsOf(doubted.map(({ name }) => name));
    for (const [place, { name, copy, fence }] of doubted.entries()) {
      if (stamps?.[place] === copy.stamp && !fence.isBroken) this.#keep(name, copy.kept);
      this.#fences.leave(name, fence);
    }
  }
}
