import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, inject, test, vi } from 'vitest';
import type { BackupDestination } from '../../../src/backup/backup-destination.js';
import { startSchedule } from '../../../src/backup/backup-schedule.js';
import type { ScheduledResult } from '../../../src/backup/backups.js';
import { addNoise, type BackupGround, createBackupGround } from '../../support/backup-kit.js';
import { failure, must } from '../../support/builders.js';
import type { ScheduleWorkerInput, ScheduleWorkerOutput } from '../../support/schedule-worker.js';
import { runningTools } from '../../support/tool-processes.js';
import { until } from '../../support/until.js';
import { buildWorker } from '../../support/worker-process.js';

const EVERY_SECOND = '* * * * * *';
const SKIPPED: ScheduledResult = { type: 'skipped' };

let ground: BackupGround;
beforeAll(async () => {
  ground = await createBackupGround({ vectors: 20 });
  await addNoise(ground, 200);
});
afterAll(() => ground[Symbol.asyncDispose]());
afterEach(() => vi.restoreAllMocks());

describe('backups.schedule', () => {
  test('is due at the time that the expression names, and begins within its jitter', async () => {
    const chances = [0, 0.5, 0.999];
    vi.spyOn(Math, 'random').mockImplementation(() => chances[turns.length] ?? 0);
    const turns: { dueAt: number; waitedMs: number }[] = [];
    const schedule = startSchedule(
      { cron: EVERY_SECOND, jitterSeconds: 0.6, onResult: () => undefined },
      async (dueAt) => {
        turns.push({ dueAt: dueAt.getTime(), waitedMs: Date.now() - dueAt.getTime() });
        return SKIPPED;
      },
    )._unsafeUnwrap();
    await until('there were three turns', () => turns.length >= 3);
    await schedule.stop();
    for (const [index, { dueAt, waitedMs }] of turns.slice(0, 3).entries()) {
      expect(dueAt % 1_000).toBe(0);
      const jitterMs = (chances[index] ?? 0) * 600;
      expect(waitedMs).toBeGreaterThanOrEqual(Math.floor(jitterMs) - 2);
      expect(waitedMs).toBeLessThan(jitterMs + 900);
    }
    expect(new Set(turns.map(({ dueAt }) => dueAt)).size).toBe(turns.length);
    expect(schedule.nextRunAt).toBeNull();
  });

  test('leaves out the turns that come while one runs', async () => {
    let running = 0;
    let most = 0;
    const dues: number[] = [];
    const schedule = startSchedule({ cron: EVERY_SECOND, onResult: () => undefined }, async (dueAt) => {
      running += 1;
      most = Math.max(most, running);
      dues.push(dueAt.getTime());
      await sleep(1_500);
      running -= 1;
      return SKIPPED;
    })._unsafeUnwrap();
    await until('there were two turns', () => dues.length === 2);
    await schedule.stop();
    expect([most, running]).toEqual([1, 0]); // and stop waited
    expect((dues[1] ?? 0) - (dues[0] ?? 0)).toBeGreaterThanOrEqual(2_000);
  });

  test('begins no run after it was stopped in the wait for its jitter', async () => {
    const chance = vi.spyOn(Math, 'random').mockReturnValue(0.9);
    const runDue = vi.fn(async () => SKIPPED);
    const schedule = startSchedule(
      { cron: EVERY_SECOND, jitterSeconds: 3_600, onResult: () => undefined },
      runDue,
    )._unsafeUnwrap();
    await until('it waits', () => chance.mock.calls.length > 0);
    await schedule.stop();
    await sleep(1_200); // a turn later
    expect(runDue).not.toHaveBeenCalled();
  });

  test('aborts the run under way when it is stopped, tells so, and leaves nothing', async () => {
    const before = await ground.files();
    let isReached = false;
    const destination: BackupDestination = {
      ...ground.destination,
      write: (name, chunks, signal) => ground.destination.write(name, stalled(chunks, signal), signal),
    };
    async function* stalled(chunks: AsyncIterable<Uint8Array>, signal: AbortSignal) {
      for await (const chunk of chunks) {
        yield chunk;
        isReached = true;
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      }
    }
    const results: ScheduledResult[] = [];
    const schedule = ground
      .backups({ destination })
      .schedule({ cron: EVERY_SECOND, onResult: (result) => results.push(result) })
      ._unsafeUnwrap();
    await until('the dump is on its way', () => isReached);
    expect(runningTools('pg_dump')).not.toEqual([]);
    await schedule.stop();
    expect(results).toMatchObject([{ type: 'failed', step: 'run', error: { kind: 'aborted' } }]);
    expect(runningTools('pg_dump')).toEqual([]);
    expect(await ground.files()).toEqual(before);
  });

  test('goes on after a run that fails and a listener that throws', async () => {
    let isBroken = true;
    const destination: BackupDestination = {
      ...ground.destination,
      write: (...args) =>
        isBroken ? Promise.reject(new Error('no space')) : ground.destination.write(...args),
    };
    const results: ScheduledResult[] = [];
    const backups = ground.backups({ destination });
    const schedule = backups
      .schedule({
        cron: EVERY_SECOND,
        onResult: (result) => {
          results.push(result);
          isBroken = false;
          throw new Error('of the listener');
        },
      })
      ._unsafeUnwrap();
    await until('two turns were told', () => results.length >= 2);
    await schedule.stop();
    expect(results.slice(0, 2)).toMatchObject([
      { type: 'failed', step: 'run', error: { kind: 'backup-failed', step: 'store' } },
      { type: 'succeeded', pruned: { deleted: [] } },
    ]);
    expect((await must(backups.status())).lastSuccessAt).not.toBeNull();
  });

  test('refuses what it cannot follow', () => {
    const schedule = (cron: string, more = {}) =>
      ground
        .backups()
        .schedule({ cron, onResult: () => undefined, ...more })
        ._unsafeUnwrapErr();
    expect(schedule('every day')).toMatchObject({ kind: 'invalid-input', issues: [{ path: 'cron' }] });
    expect(schedule('0 3 * * *', { timezone: 'Mars/Olympus' })).toMatchObject({ issues: [{ path: 'cron' }] });
    for (const jitterSeconds of [-1, Number.NaN, 90_000]) {
      expect(schedule('0 3 * * *', { jitterSeconds })).toMatchObject({ issues: [{ path: 'jitterSeconds' }] });
    }
  });
});

describe('backups of one time by several processes', () => {
  test('are one: who waited for the lock finds it taken, and that is no failure of its own', async () => {
    const since = new Date();
    const [one, other] = [ground.backups(), ground.backups()];
    const [first, second] = await Promise.all([
      one.run({ unlessTakenSince: since, lockWaitMs: 60_000 }),
      other.run({ unlessTakenSince: since, lockWaitMs: 60_000 }),
    ]);
    const refused = [first, second].filter((result) => result.isErr());
    expect(refused.map((result) => result._unsafeUnwrapErr())).toMatchObject([
      { kind: 'backup-refused', reason: 'taken' },
    ]);
    for (const backups of [one, other])
      expect(await must(backups.status())).toMatchObject({ lastFailure: null });
    expect(await failure(one.run({ unlessTakenSince: since }))).toMatchObject({ reason: 'taken' });
    expect(await failure(one.run({ unlessTakenSince: new Date('soon') }))).toMatchObject({
      kind: 'invalid-input',
      issues: [{ path: 'unlessTakenSince' }],
    });
  });

  test('with the same schedule are one of each time, and nothing fails', async () => {
    await using place = await createBackupGround({ vectors: 20 });
    const worker = await buildWorker<ScheduleWorkerInput, ScheduleWorkerOutput>('schedule-worker.ts');
    const { url } = place.database;
    const pgBinDirectory = inject('postgresBinDir') ?? null;
    const input = { url, folder: place.folder, pgBinDirectory, cron: '*/2 * * * * *' };
    const processes = [worker.start(input), worker.start(input)];
    try {
      const published = async () => (await must(place.backups().list())).map(({ createdAt }) => createdAt);
      await until('three times have their backup', async () => (await published()).length >= 3);
      for (const { process } of processes) process.send('stop');
      const outputs = await Promise.all(processes.map(({ output }) => output));
      const turns = outputs.flatMap((output) => output?.turns ?? ['the process died']);
      expect(turns.filter((turn) => turn !== 'succeeded' && turn !== 'skipped')).toEqual([]);
      const periods = (await published()).map((createdAt) => Math.floor(Date.parse(createdAt) / 2_000));
      expect(new Set(periods).size).toBe(periods.length);
      expect(turns.filter((turn) => turn === 'skipped').length).toBeGreaterThan(0);
    } finally {
      for (const { process } of processes) process.kill('SIGKILL');
      await worker.remove();
    }
  });
});
