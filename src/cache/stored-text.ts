import type { ScriptArgument } from '../redis/redis-script.js';

/** A text that is to be stored for a while. */
export interface StoredText {
  readonly name: string;
  /** Of this one write; it is in the text, too. */
  readonly stamp: string;
  readonly text: string;
  readonly ttlMs: number;
}

/** As arguments of a script, those of one slot. */
export function textsAt(texts: readonly StoredText[], places: readonly number[]): ScriptArgument[] {
  const flat: ScriptArgument[] = [];
  for (const place of places) {
    const stored = texts[place];
    if (stored !== undefined) flat.push(stored.text, stored.ttlMs);
  }
  return flat;
}
