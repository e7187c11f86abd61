import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { aKeyPrefix } from '../contract/cache-kit.js';
import { createServerStore, createUserWithChat, must, type ServerStore } from '../support/builders.js';
import type { EntityEvent, EntityWorkerInput, EntityWorkerOutput } from '../support/entity-worker.js';
import { buildWorker, startTogether } from '../support/worker-process.js';

const PROCESSES = 3;
const ROWS = 9;
const FOR_MS = 6_000;
/** What is promised of other processes whose connection broke without a sign. Without one it is milliseconds. */
const BOUND_MS = 2_000;

let made: ServerStore;
let worker: Awaited<ReturnType<typeof buildWorker<EntityWorkerInput, EntityWorkerOutput>>>;
beforeAll(async () => {
  made = await createServerStore();
  worker = await buildWorker<EntityWorkerInput, EntityWorkerOutput>('entity-worker.ts');
});
afterAll(async () => {
  await worker.remove();
  await made[Symbol.asyncDispose]();
});

interface Row {
  readonly writes: readonly EntityEvent[];
  readonly rolledBack: ReadonlySet<number>;
}

it('no process reads a row that is older than the last write acknowledged before, nor one that never was', async () => {
  const chats: EntityWorkerInput['chats'][number][] = [];
  for (let row = 0; row < ROWS; row += 1) {
    const chat = await createUserWithChat(made.store, '0');
    await must(made.store.users.update(chat.userId, { firstName: '0' }));
    chats.push(chat);
  }
  const keyPrefix = aKeyPrefix();
  let started = 0;
  const outputs = await startTogether(PROCESSES, () => {
    const own = started;
    started += 1;
    return worker.start({
      databaseUrl: made.database.url,
      redisUrl: inject('redisUrl'),
      keyPrefix,
      seed: 1 + own,
      forMs: FOR_MS,
      chats,
      owned: chats.map((_, row) => row).filter((row) => row % PROCESSES === own),
    });
  });
  const byProcess = outputs.map((output) => {
    if (output === null) throw new Error('a process died');
    expect(output.errors).toEqual([]);
    return output.events;
  });
  const nameOf = ({ kind, row }: EntityEvent) => `${kind} ${row}`;
  const rows = new Map<string, Row>();
  for (const name of new Set(byProcess.flat().map(nameOf))) {
    const events = byProcess.flat().filter((event) => nameOf(event) === name);
    const writes = events.filter(({ does }) => does === 'write').sort((a, b) => a.end - b.end);
    const rolledBack = events.filter(({ does }) => does === 'roll back').map(({ version }) => version);
    rows.set(name, { writes, rolledBack: new Set(rolledBack) });
  }

  const wrong: string[] = [];
  const lateMs: number[] = [];
  let reads = 0;
  for (const [own, events] of byProcess.entries()) {
    for (const read of events) {
      const row = rows.get(nameOf(read));
      if (read.does !== 'read' || row === undefined) continue;
      reads += 1;
      if (row.rolledBack.has(read.version)) wrong.push(`${nameOf(read)}: ${read.version} was rolled back`);
      const written = row.writes.find(({ version }) => version === read.version);
      const isKnown = read.version === 0 || (written !== undefined && written.begin <= read.end);
      if (!isKnown && !row.rolledBack.has(read.version))
        wrong.push(`${nameOf(read)}: ${read.version} from nowhere`);
      // Acknowledged before the read began, and newer than what it gave.
      const missed = row.writes.find(({ version, end }) => version > read.version && end < read.begin);
      if (missed === undefined) continue;
      const ms = (read.begin - missed.end) / 1_000;
      lateMs.push(ms);
      if (read.row % PROCESSES === own)
        wrong.push(`${nameOf(read)}: its own process read ${read.version} ${ms} ms late`);
      if (ms > BOUND_MS) wrong.push(`${nameOf(read)}: ${read.version} ${ms} ms late`);
    }
  }
  lateMs.sort((a, b) => a - b);
  console.log(
    `${reads} reads beside ${[...rows.values()].reduce((sum, { writes }) => sum + writes.length, 0)} writes; ` +
      `${lateMs.length} before the news of a write had come, the latest after ${(lateMs.at(-1) ?? 0).toFixed(1)} ms`,
  );
  expect(wrong).toEqual([]);
  expect(reads).toBeGreaterThan(1_000);
});
