import pg from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import { cancellable } from '../../../src/database/cancellable.js';
import { connectFromPool, type DedicatedConnection } from '../../../src/database/dedicated-connection.js';
import { connectTo } from '../../support/migration-runs.js';
import { createTestDatabase } from '../../support/test-database.js';
import { until } from '../../support/until.js';

/** Starts a statement that would take a minute, and aborts it when the server runs it. */
async function cancelled(connect: (url: string) => Promise<DedicatedConnection>) {
  const database = await createTestDatabase();
  onTestFinished(() => database.drop());
  const connection = await connect(database.url);
  const abort = new AbortController();
  const running = cancellable(connection, 'select pg_sleep(60) /* cancel me */', abort.signal).then(
    () => null,
    (error: unknown) => error,
  );
  const isRunning = async () => {
    const rows = await database.query(
      "select 1 from pg_stat_activity where datname = current_database() and state = 'active' and query like '%/* cancel me */' and pid <> pg_backend_pid()",
    );
    return rows.length > 0;
  };
  await until('the statement runs', isRunning);
  abort.abort();
  return { connection, error: await running, isRunning };
}

describe('cancellable', () => {
  it('cancels the statement on the server, and leaves the connection usable', async () => {
    const { connection, error, isRunning } = await cancelled((url) => connectTo(url)());
    expect(error).toMatchObject({ code: '57014' });
    expect(await isRunning()).toBe(false);
    expect(await connection.query('select 1 as one')).toEqual([{ one: 1 }]);
    await connection.close();
  });

  it('cancels at once when the signal has fired before', async () => {
    await using database = await createTestDatabase();
    const connection = await connectTo(database.url)();
    const running = cancellable(connection, 'select pg_sleep(60)', AbortSignal.abort());
    await expect(running).rejects.toMatchObject({ code: '57014' });
    await connection.close();
  });

  it('closes the connection where no second one can be opened, also one that a pool has lent', async () => {
    const withoutSecond = (connection: DedicatedConnection): DedicatedConnection => ({
      ...connection,
      openAnother: () => Promise.reject(new Error('too many connections')),
    });
    const own = await cancelled(async (url) => withoutSecond(await connectTo(url)()));
    expect(own.error).toBeInstanceOf(Error);
    await own.connection.close();

    let lending: pg.Pool | undefined;
    const lent = await cancelled(async (url) => {
      lending = new pg.Pool({ connectionString: url, max: 1 });
      return withoutSecond(await connectFromPool(lending));
    });
    expect(lent.error).toBeInstanceOf(Error);
    await lent.connection.close();
    expect((await lending?.query('select 1 as one'))?.rows).toEqual([{ one: 1 }]);
    await lending?.end();
  });
});
