import pg from 'pg';
import { describe, expect, onTestFinished, test } from 'vitest';
import { migrate } from '../../../src/migrations/index.js';
import { collectEvents, mustRun, run } from '../../support/migration-runs.js';
import { startTcpProxy } from '../../support/tcp-proxy.js';
import { createTestDatabase } from '../../support/test-database.js';

async function throughProxy(target: string) {
  const url = new URL(target);
  const proxy = await startTcpProxy(Number(url.port));
  onTestFinished(() => proxy.close());
  url.host = `127.0.0.1:${proxy.port}`;
  return { proxy, url: url.href };
}

describe('migrate over a connection that goes silent', () => {
  test('ends all the same once its work is done', async () => {
    await using database = await createTestDatabase({ template: false });
    const { proxy, url } = await throughProxy(database.url);
    const report = await mustRun(url, {
      onProgress: ({ type }) => {
        if (type === 'finished') proxy.stall();
      },
    });
    expect(report.applied.length).toBeGreaterThan(0);
  });

  test('gives unavailable when it is cut in the middle of a migration, of which nothing is kept', async () => {
    await using database = await createTestDatabase({ template: false });
    const { proxy, url } = await throughProxy(database.url);
    const { onProgress, ofType } = collectEvents();
    const lost = await run(url, {
      onProgress: (event) => {
        onProgress(event);
        if (ofType('statement-done').length === 3) proxy.cut();
      },
    });
    expect(lost._unsafeUnwrapErr()).toMatchObject({ kind: 'unavailable', retryable: true });
    expect((await mustRun(database.url)).applied).not.toHaveLength(0);
  });

  test('that a borrowed pool lent leaves the pool usable', async () => {
    await using database = await createTestDatabase({ template: false });
    const { proxy, url } = await throughProxy(database.url);
    const pool = new pg.Pool({ connectionString: url, max: 1 });
    try {
      const lost = await migrate({
        pool,
        onProgress: ({ type }) => {
          if (type === 'started') proxy.cut();
        },
      });
      expect(lost._unsafeUnwrapErr()).toMatchObject({ kind: 'unavailable', retryable: true });
      expect((await migrate({ pool }))._unsafeUnwrap().applied).not.toHaveLength(0);
      expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    } finally {
      await pool.end();
    }
  });
});
