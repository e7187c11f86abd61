import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { must } from '../support/builders.js';
import { NEW, OLD } from '../support/embed-text.js';
import { createSteadyChat, startReader, startWriter } from '../support/reembed-traffic.js';
import type { ReembedWorkerInput, ReembedWorkerOutput } from '../support/reembed-worker.js';
import { mustReembed, rowsOf, storeOf } from '../support/reembeddings.js';
import { createTestDatabase } from '../support/test-database.js';
import { buildWorker } from '../support/worker-process.js';

const KILLS = 5;
const READERS = 4;
const BATCH = 10;

describe('a process that embeds again and is killed', () => {
  let worker: Awaited<ReturnType<typeof buildWorker<ReembedWorkerInput, ReembedWorkerOutput>>>;
  beforeAll(async () => {
    worker = await buildWorker('reembed-worker.ts');
  });
  afterAll(() => worker.remove());

  test('at each of its steps, leaves what the next one finishes', { timeout: 120_000 }, async () => {
    let steps = 0;
    for (let dieAtEvent = 1; ; dieAtEvent += 1) {
      await using database = await createTestDatabase({ template: false });
      await using store = storeOf(database, OLD);
      await must(store.migrate());
      const { texts } = await createSteadyChat(store, OLD, 25);
      const input = { url: database.url, from: OLD, to: NEW, batchSize: BATCH };
      const { process, output } = worker.start({ ...input, dieAtEvent });
      const reported = await output;
      if (reported !== null) {
        expect(reported).toMatchObject({ pending: 0, error: null, events: dieAtEvent - 1 });
        break;
      }
      expect(process.signalCode, `at event ${dieAtEvent}`).toBe('SIGKILL');
      steps += 1;
      expect(await mustReembed(store, NEW), `after event ${dieAtEvent}`).toMatchObject({ pending: 0 });
      expect(Object.values(await rowsOf(database, 'chat_vectors', NEW)).sort()).toEqual([...texts].sort());
      await must(store.vectors.dropPreviousEmbeddings());
    }
    // Created, queued, three batches, index built, looked again, cut over, and looked once more.
    expect(steps).toBeGreaterThanOrEqual(9);
  });

  test(`at ${KILLS} random points under 1 writer and 4 readers, loses no row and fails no search`, {
    timeout: 120_000,
  }, async () => {
    await using database = await createTestDatabase({ template: false });
    await using store = storeOf(database, OLD);
    await must(store.migrate());
    const steady = await Promise.all(
      Array.from({ length: READERS }, () => createSteadyChat(store, OLD, 100)),
    );
    const [first] = steady;
    if (first === undefined) throw new Error('there are readers');
    const { chatId } = await must(store.chats.create({ userId: first.userId, title: 'written' })).then(
      (chat) => ({ chatId: chat.id }),
    );
    await using writer = startWriter(store, OLD, { userId: first.userId, chatId });
    const readers = steady.map((chat) => startReader(store, OLD, chat));
    await using _readers = {
      [Symbol.asyncDispose]: async () =>
        void (await Promise.all(readers.map((reader) => reader[Symbol.asyncDispose]()))),
    };

    const input = { url: database.url, from: OLD, to: NEW, batchSize: BATCH };
    const points: string[] = [];
    for (let kill = 1; kill <= KILLS; kill += 1) {
      const dieAtEvent = 1 + Math.floor(Math.random() * 6);
      const dieAfterMs = Math.random() * 15;
      points.push(`${dieAfterMs.toFixed(1)} ms after event ${dieAtEvent}`);
      const { process, output } = worker.start({ ...input, dieAtEvent, dieAfterMs });
      expect(await output, points.join(', ')).toBeNull();
      expect(process.signalCode).toBe('SIGKILL');
    }
    const { output } = worker.start(input);
    expect(await output, points.join(', ')).toMatchObject({ error: null });

    for (const running of [writer, ...readers])
      expect(await running.stop(), points.join(', ')).toBeGreaterThan(20);
    expect(await mustReembed(store, NEW)).toMatchObject({ pending: 0 });
    const stored = Object.values(await rowsOf(database, 'chat_vectors', NEW)).sort();
    const expected = [...steady.flatMap(({ texts }) => texts), ...writer.expected.values()].sort();
    expect(stored, points.join(', ')).toEqual(expected);
  });
});
