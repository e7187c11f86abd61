import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { CloseWorkerInput, CloseWorkerOutput } from '../support/close-worker.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';
import { buildWorker } from '../support/worker-process.js';

/** After its last word; a timer or a socket that was left would hold it for many seconds, or for ever. */
const MUST_END_WITHIN_MS = 2_000;
const NOBODY = { databaseUrl: 'postgresql://127.0.0.1:1/nobody', redisUrl: 'redis://127.0.0.1:1' };

let folder: string;
let database: TestDatabase;
let worker: Awaited<ReturnType<typeof buildWorker<CloseWorkerInput, CloseWorkerOutput>>>;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'macro-store-close-'));
  database = await createTestDatabase();
  worker = await buildWorker('close-worker.ts');
});
afterAll(async () => {
  await worker?.remove();
  await database?.drop();
  await rm(folder, { recursive: true, force: true });
});

describe('a process whose store was closed', () => {
  it.each([
    ['was used, with alerts, telemetry, Redis, durable sessions and a schedule', true, true],
    ['was never used', false, true],
    ['was used without its servers', true, false],
  ])('ends by itself when the store %s', async (_what, isUsed, areServersThere) => {
    const servers = areServersThere ? { databaseUrl: database.url, redisUrl: inject('redisUrl') } : NOBODY;
    const { process: child, output } = worker.start({ ...servers, folder, isUsed });
    try {
      await once(child, 'message');
      const result = await Promise.race([
        output,
        new Promise<'still there'>((resolve) =>
          setTimeout(resolve, MUST_END_WITHIN_MS, 'still there').unref(),
        ),
      ]);
      expect(result).toEqual({ held: [], hasAlerted: isUsed, hasSession: isUsed && areServersThere });
      expect(child.exitCode).toBe(0);
    } finally {
      child.kill('SIGKILL');
    }
  });
});
