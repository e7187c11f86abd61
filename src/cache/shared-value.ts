import { decode } from './codec.js';

/**
 * One value for many takers, each of whom gets an equal copy of its own: what one does to it, the others
 * do not see. The first takes the copy that was decoded already.
 */
export class SharedValue {
  readonly #payload: string;
  #first: { readonly value: unknown } | undefined;

  constructor({ payload, value }: { readonly payload: string; readonly value: unknown }) {
    this.#payload = payload;
    this.#first = { value };
  }

  take(): unknown {
    const first = this.#first;
    this.#first = undefined;
    if (first !== undefined) return first.value;
    const decoding = decode(this.#payload);
    return decoding.kind === 'decoded' ? decoding.value : undefined;
  }
}
