import pg from 'pg';

/** A pool whose lost connections do not end the process: when a run fails, its error is the one to see. */
export function openPool(connectionString: string, max: number, settings: pg.PoolConfig = {}): pg.Pool {
  const pool = new pg.Pool({ connectionString, max, ...settings });
  pool.on('error', () => {});
  return pool;
}
