import type pg from 'pg';
import type { MacroStore } from '../../src/index.js';
import type { PlacedRow, Placement } from './placement.js';
import { buildHnsw, connectOwner, freezeStatistics, insertOwners, insertRows, type Shape } from './tables.js';

/** The share of the rows that come after the last ANALYZE: a fifth of those before. */
const LATE_SHARE = 1 / 6;

/** The store's tables with the turns in them. */
export interface PreparedDatabase extends AsyncDisposable {
  readonly owner: pg.Client;
  /** Puts the rest of the rows in, and leaves the statistics as they are. */
  insertLate(): Promise<void>;
  /** As a database is that autovacuum has been through. */
  settle(): Promise<void>;
}

/** Fills most of the rows in, builds HNSW and analyzes. */
export async function prepareDatabase(
  store: MacroStore,
  databaseUrl: string,
  placement: Placement,
  shape: Shape,
): Promise<PreparedDatabase> {
  (await store.migrate({ hnsw: 'skip' }))._unsafeUnwrap();
  const owner = await connectOwner(databaseUrl);
  const early = Math.round(placement.rows.length * (1 - LATE_SHARE));
  const insert = (rows: readonly PlacedRow[]) => insertRows(owner, rows, shape);
  await insertOwners(owner, placement);
  await freezeStatistics(owner);
  await insert(placement.rows.slice(0, early));
  await buildHnsw(owner);
  await owner.query('vacuum analyze');
  return {
    owner,
    insertLate: () => insert(placement.rows.slice(early)),
    settle: async () => void (await owner.query('vacuum analyze')),
    [Symbol.asyncDispose]: () => owner.end(),
  };
}
