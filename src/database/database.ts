import type { PGlite } from '@electric-sql/pglite';
import type pg from 'pg';
import type { ResolvedConfig } from '../config.js';
import type { Telemetry } from '../telemetry.js';
import { prepareEmbedded } from './embedded.js';
import type { Driver } from './executor.js';
import type { PoolState } from './managed-pool.js';
import { observeDriver } from './observed-driver.js';
import { borrowPool, openPool } from './pool.js';
import { createPostgresDriver } from './postgres-driver.js';

/** The database of one store: a server behind a pool, or PGlite. Nothing is opened before its first use. */
export interface Database {
  readonly driver: Driver;
  /** `null` when embedded. */
  readonly pool: pg.Pool | null;
  /** The pool at this moment; `null` when embedded. */
  readonly poolState: (() => PoolState) | null;
  /** Opens the embedded database; `null` on a server. */
  readonly openEmbedded: ((operation: string) => Promise<PGlite>) | null;
  /** Lets what runs finish within the deadline, then cuts it off. Closes only what we opened. */
  close(deadlineMs: number): Promise<void>;
}

export function openDatabase(config: ResolvedConfig['database'], telemetry: Telemetry): Database {
  if (config.kind === 'embedded') {
    const { driver, open, close } = prepareEmbedded(config.dataDir);
    return {
      driver: observeDriver(driver, telemetry),
      pool: null,
      poolState: null,
      openEmbedded: open,
      close,
    };
  }
  const pool = config.kind === 'server' ? openPool(config, telemetry) : borrowPool(config, telemetry);
  return {
    driver: observeDriver(createPostgresDriver(pool), telemetry),
    pool: pool.pgPool,
    poolState: pool.state,
    openEmbedded: null,
    close: pool.close,
  };
}
