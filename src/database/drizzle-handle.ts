import { drizzle, type PgRemoteDatabase } from 'drizzle-orm/pg-proxy';
import type { Driver } from './executor.js';

/** Drizzle on the store's connections: any statement, your own tables too; the schema's for `db.query` is left to you. */
export type StoreDrizzle = PgRemoteDatabase<Record<string, never>>;

/**
 * A Drizzle handle whose statements travel as the store's do: same pool, deadlines and error kinds, on the
 * embedded database too. Its `transaction()` is refused by Drizzle's proxy driver, which is as well: it
 * would commit an `Err`. Failures are thrown as Drizzle's own error, whose message holds every parameter.
 */
export function createDrizzleHandle(send: Driver['query']): StoreDrizzle {
  return drizzle(async (text, values, method) => {
    const raw = method === 'all';
    const { rows } = await send(
      { operation: 'store.db', name: null, text, values },
      { access: 'write', raw },
    );
    return { rows: rows as unknown[] };
  });
}
