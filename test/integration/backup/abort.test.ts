import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { BackupDestination } from '../../../src/backup/backup-destination.js';
import type { BackupEvent } from '../../../src/backup/backups.js';
import { addNoise, type BackupGround, createBackupGround } from '../../support/backup-kit.js';
import { failure, must } from '../../support/builders.js';
import { queryOnce, withDatabase } from '../../support/database-admin.js';
import { createTestDatabase } from '../../support/test-database.js';
import { runningTools } from '../../support/tool-processes.js';
import { until } from '../../support/until.js';

let ground: BackupGround;
let id: string;
let bytes: number;
beforeAll(async () => {
  ground = await createBackupGround({ vectors: 20 });
  await addNoise(ground, 100);
  ({ id, bytes } = await must(ground.backups().run()));
});
afterAll(() => ground[Symbol.asyncDispose]());

const databasesLike = async (pattern: string) =>
  (
    await queryOnce<{ datname: string }>(
      inject('postgresUrl'),
      'select datname from pg_database where datname like $1',
      [pattern],
    )
  ).map(({ datname }) => datname);

/** Sessions of backups, of their tools too. */
const sessions = () =>
  queryOnce(
    inject('postgresUrl'),
    "select pid from pg_stat_activity where application_name = 'macro-store backup'",
  );

/** Stands still in the middle of the dump, the third time that it is read, after the checksum and the list of entries. */
function stalling(): { readonly destination: BackupDestination; halfRead(): Promise<true> } {
  let dumpReads = 0;
  let isReached = false;
  const destination: BackupDestination = {
    ...ground.destination,
    async *read(name, signal) {
      if (name.endsWith('.dump')) dumpReads += 1;
      const isStalled = name.endsWith('.dump') && dumpReads === 3;
      let read = 0;
      for await (const chunk of ground.destination.read(name, signal)) {
        yield chunk;
        read += chunk.length;
        if (!isStalled || read < bytes / 2) continue;
        isReached = true;
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
        signal.throwIfAborted();
      }
    },
  };
  return { destination, halfRead: () => until('the dump is half read', () => isReached) };
}

const abortAt = (type: BackupEvent['type'], stop: AbortController) => (event: BackupEvent) => {
  if (event.type === type) stop.abort();
};

async function expectNothingRuns(): Promise<void> {
  expect(runningTools('pg_restore')).toEqual([]);
  expect(runningTools('pg_dump')).toEqual([]);
  // A server notices that its client is gone when it next looks.
  await until('the sessions have ended', async () => (await sessions()).length === 0);
}

describe('backup.verify that is aborted', () => {
  test.each(['checking', 'restoring', 'comparing'] as const)('while %s leaves nothing', async (type) => {
    const stop = new AbortController();
    const error = await failure(
      ground.backups().verify(id, { signal: stop.signal, onProgress: abortAt(type, stop) }),
    );
    expect(error.kind).toBe('aborted');
    expect(await ground.scratchDatabases()).toEqual([]);
    await expectNothingRuns();
  });

  test('while pg_restore runs ends it and drops the scratch database', async () => {
    const stop = new AbortController();
    const { destination, halfRead } = stalling();
    const verifying = failure(ground.backups({ destination }).verify(id, { signal: stop.signal }));
    await halfRead();
    expect(runningTools('pg_restore')).toHaveLength(1);
    expect(await ground.scratchDatabases()).toHaveLength(1);
    stop.abort();
    expect((await verifying).kind).toBe('aborted');
    expect(await ground.scratchDatabases()).toEqual([]);
    await expectNothingRuns();
    await must(ground.backups().verify(id));
  });

  test('before it begins does nothing', async () => {
    expect((await failure(ground.backups().verify(id, { signal: AbortSignal.abort() }))).kind).toBe(
      'aborted',
    );
    expect((await failure(ground.backups().run({ signal: AbortSignal.abort() }))).kind).toBe('aborted');
  });
});

describe('backup.restore that is aborted', () => {
  test('while pg_restore runs drops the database that it made', async () => {
    const name = `${ground.database.name}_aborted`;
    const url = withDatabase(ground.database.url, name);
    const stop = new AbortController();
    const { destination, halfRead } = stalling();
    const restoring = failure(ground.backups({ destination }).restore(id, { url, signal: stop.signal }));
    await halfRead();
    expect(await databasesLike(name)).toEqual([name]);
    stop.abort();
    expect((await restoring).kind).toBe('aborted');
    expect(await databasesLike(name)).toEqual([]);
    await expectNothingRuns();
  });

  test.each(['checking', 'restoring', 'comparing'] as const)(
    'while %s leaves a new database dropped',
    async (type) => {
      const name = `${ground.database.name}_${type}`;
      const url = withDatabase(ground.database.url, name);
      const stop = new AbortController();
      const error = await failure(
        ground.backups().restore(id, { url, signal: stop.signal, onProgress: abortAt(type, stop) }),
      );
      expect(error.kind).toBe('aborted');
      expect(await databasesLike(name)).toEqual([]);
      await expectNothingRuns();
    },
  );

  test('while pg_restore runs leaves an empty database that was there empty', async () => {
    await using target = await createTestDatabase({ template: false });
    const stop = new AbortController();
    const { destination, halfRead } = stalling();
    const restoring = failure(
      ground.backups({ destination }).restore(id, { url: target.url, signal: stop.signal }),
    );
    await halfRead();
    stop.abort();
    expect((await restoring).kind).toBe('aborted');
    await expectNothingRuns();
    expect(await target.query("select from pg_class where relnamespace = 'public'::regnamespace")).toEqual(
      [],
    );
  });
});

describe('backup.run that is aborted', () => {
  test.each(['.dump', '.manifest.json'])('while its %s is stored leaves nothing', async (ending) => {
    const before = await ground.files();
    const stop = new AbortController();
    const destination: BackupDestination = {
      ...ground.destination,
      async write(name, chunks, signal) {
        if (name.endsWith(ending)) stop.abort();
        await ground.destination.write(name, chunks, signal);
      },
    };
    expect((await failure(ground.backups({ destination }).run({ signal: stop.signal }))).kind).toBe(
      'aborted',
    );
    expect(await ground.files()).toEqual(before);
    await expectNothingRuns();
  });

  test('while it waits for another run lets that one be', async () => {
    const stop = new AbortController();
    let isHeld = false;
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const held: BackupDestination = {
      ...ground.destination,
      async write(name, chunks, signal) {
        isHeld = true;
        await released;
        await ground.destination.write(name, chunks, signal);
      },
    };
    const first = must(ground.backups({ destination: held }).run());
    await until('the first holds the lock', () => isHeld);
    const second = failure(ground.backups().run({ signal: stop.signal, lockWaitMs: 600_000 }));
    await until('the second waits', async () => (await sessions()).length >= 2);
    stop.abort();
    expect((await second).kind).toBe('aborted');
    release();
    await must(ground.backups().verify((await first).id));
  });
});
