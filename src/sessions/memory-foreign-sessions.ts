import { okAsync } from 'neverthrow';
import { ENDED_FOR_MS, type ForeignTier } from './foreign-sessions.js';

interface Kept {
  /** `null`: it was ended. */
  readonly text: string | null;
  readonly untilMs: number;
}

const SWEEP_EVERY_MS = 60_000;

/** Texts of this process alone. */
export function createMemoryForeignSessions(clock: () => number): ForeignTier {
  const kept = new Map<string, Kept>();
  let sweptAtMs = clock();

  function find(name: string): Kept | null {
    const found = kept.get(name);
    return found !== undefined && found.untilMs > clock() ? found : null;
  }

  function put(name: string, text: string | null, ttlMs: number): void {
    if (clock() - sweptAtMs >= SWEEP_EVERY_MS) {
      sweptAtMs = clock();
      for (const [other, { untilMs }] of kept) if (untilMs <= clock()) kept.delete(other);
    }
    kept.set(name, { text, untilMs: clock() + ttlMs });
  }

  const textOf = (name: string) => find(name)?.text ?? null;

  return {
    get: (_operation, name) => okAsync(textOf(name)),

    set(_operation, name, text, ttlMs, revives) {
      if (find(name)?.text === null && !revives) return okAsync(false);
      put(name, text, ttlMs);
      return okAsync(true);
    },

    touch(_operation, name, ttlMs) {
      const text = textOf(name);
      if (text !== null) put(name, text, ttlMs);
      return okAsync(text !== null);
    },

    end(_operation, name) {
      const wasThere = textOf(name) !== null;
      put(name, null, ENDED_FOR_MS);
      return okAsync(wasThere);
    },

    take(_operation, name) {
      const text = textOf(name);
      if (text !== null) kept.delete(name);
      return okAsync(text);
    },

    increment(_operation, name, ttlMs) {
      const found = find(name);
      const count = Number(found?.text ?? 0) + 1;
      put(name, `${count}`, found?.text == null ? ttlMs : found.untilMs - clock());
      return okAsync(count);
    },

    texts(_operation, start) {
      const names = [...kept.keys()].filter((name) => name.startsWith(start));
      return okAsync(names.map(textOf).filter((text) => text !== null));
    },

    clear(_operation, start) {
      for (const name of kept.keys()) if (name.startsWith(start)) kept.delete(name);
      return okAsync(undefined);
    },

    close: () => kept.clear(),
  };
}
