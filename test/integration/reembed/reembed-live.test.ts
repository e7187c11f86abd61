import { describe, expect, it } from 'vitest';
import type { MacroStore } from '../../../src/create-macro-store.js';
import type { EmbedTexts } from '../../../src/reembed/reembedding.js';
import { createUserWithChat, must } from '../../support/builders.js';
import { embedWith, NEW, OLD, SAME_SHAPE } from '../../support/embed-text.js';
import { createSteadyChat, type Running, startReader, startWriter } from '../../support/reembed-traffic.js';
import { mustReembed, rowsOf, storeOf } from '../../support/reembeddings.js';
import { createTestDatabase, type TestDatabase } from '../../support/test-database.js';
import { until } from '../../support/until.js';

const READERS = 4;

/** Contents of the chat's vectors in a table, by message. */
async function textsByMessage(
  database: TestDatabase,
  table: string,
  chatId: string,
): Promise<Map<string, string>> {
  const rows = await database.query<{ message_id: string; content: string }>(
    `select message_id, content from ${table} where chat_id = $1`,
    [chatId],
  );
  return new Map(rows.map(({ message_id, content }) => [message_id, content]));
}

const allOf = (running: readonly Running[]): AsyncDisposable => ({
  [Symbol.asyncDispose]: async () => void (await Promise.all(running.map((it) => it[Symbol.asyncDispose]()))),
});

describe.each([
  ['other dimensions', NEW, 'skip'],
  ['the same dimensions', SAME_SHAPE, 'skip'],
  ['other dimensions, and HNSW', NEW, 'build'],
] as const)('vectors.reembed to %s under 1 writer and 4 readers', (_name, target, hnsw) => {
  it('fails no search, leaves none empty, and loses and keeps no row', { timeout: 60_000 }, async () => {
    await using database = await createTestDatabase({ template: false });
    await using store = storeOf(database, OLD);
    await must(store.migrate({ hnsw }));
    const steady = await Promise.all(Array.from({ length: READERS }, () => createSteadyChat(store, OLD, 50)));
    const written = await createUserWithChat(store);

    await using oldProcess = storeOf(database, OLD);
    await using writer = startWriter(oldProcess, OLD, written);
    const readersOf = (on: MacroStore, model: typeof OLD | typeof target) =>
      steady.map((chat) => startReader(on, model, chat));
    const oldReaders = readersOf(oldProcess, OLD);
    await using _old = allOf(oldReaders);
    const moved = (all: readonly Running[], by: number) => {
      const before = all.map(({ rounds }) => rounds());
      return () => all.every(({ rounds }, index) => rounds() >= (before[index] ?? 0) + by);
    };
    // Each batch lets the traffic go on, so that rows change before, while and after they are embedded.
    const embed: EmbedTexts = async (texts, options) => {
      await until('the writer has gone on', moved([writer], 2));
      return embedWith(target)(texts, options);
    };

    let cutOvers = 0;
    await mustReembed(store, target, {
      embed,
      batchSize: 20,
      onProgress: ({ type }) => {
        if (type === 'cut-over') cutOvers += 1;
      },
    });
    expect(cutOvers).toBe(1);

    await using newProcess = storeOf(database, target);
    const newReaders = readersOf(newProcess, target);
    await using _new = allOf(newReaders);
    const newWritten = await createUserWithChat(newProcess);
    await using newWriter = startWriter(newProcess, target, newWritten);
    await until('all have gone on', moved([writer, newWriter, ...oldReaders, ...newReaders], 20));
    // What the old process has written since.
    expect(await mustReembed(newProcess, target, { embed })).toMatchObject({ embedded: expect.any(Number) });
    await until('all have gone on', moved([writer, newWriter, ...oldReaders, ...newReaders], 20));

    const rounds = await Promise.all(
      [writer, newWriter, ...oldReaders, ...newReaders].map((it) => it.stop()),
    );
    for (const count of rounds) expect(count).toBeGreaterThan(20);

    expect(await mustReembed(newProcess, target)).toMatchObject({ pending: 0 });
    expect(await textsByMessage(database, 'chat_vectors', written.chatId)).toEqual(writer.expected);
    expect(await textsByMessage(database, 'chat_vectors', newWritten.chatId)).toEqual(newWriter.expected);
    expect(await textsByMessage(database, 'chat_vectors_previous', written.chatId)).toEqual(writer.expected);
    const inNew = Object.keys(await rowsOf(database, 'chat_vectors', target));
    expect(inNew).toHaveLength(READERS * 50 + writer.expected.size + newWriter.expected.size);
    const inOld = Object.keys(await rowsOf(database, 'chat_vectors_previous', OLD));
    expect(inOld).toHaveLength(READERS * 50 + writer.expected.size);

    await must(newProcess.vectors.dropPreviousEmbeddings());
    const last = readersOf(newProcess, target);
    await until('the searches have gone on', moved(last, 5));
    await Promise.all(last.map((reader) => reader.stop()));
  });
});
