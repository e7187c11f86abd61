import { describe, expect, it } from 'vitest';
import { anEmbedding, aVector, createUserWithChat, failure, must } from '../../support/builders.js';
import { dumpCatalog } from '../../support/catalog-dump.js';
import { SMALL } from '../../support/migration-runs.js';
import type { TestDatabase } from '../../support/test-database.js';
import { until } from '../../support/until.js';
import {
  builderIn,
  COVERING,
  collectIndexEvents,
  definitionIn,
  FULL_TEXT,
  HNSW,
  indexesOf,
  indexStore,
  openSession,
  openStore,
} from '../../support/vector-index-runs.js';

const oidOf = async (database: TestDatabase, index: string) => {
  const [row] = await database.query<{ oid: number }>('select $1::regclass::oid as oid', [index]);
  return row?.oid;
};

describe('vectors.index.rebuild', () => {
  it.each([
    ['covering', COVERING],
    ['full-text', FULL_TEXT],
    ['hnsw', HNSW],
  ] as const)(
    'replaces the %s index by a new one of the same definition, and leaves nothing else',
    async (kind, name) => {
      await using made = await indexStore();
      const { store, database } = made;
      await must(store.vectors.index.ensure());
      const [catalog, oid] = [await dumpCatalog(database), await oidOf(database, name)];
      const events = collectIndexEvents();
      const report = await must(store.vectors.index.rebuild(kind, { onProgress: events.onProgress }));
      expect(report).toEqual({ rebuilt: [name], swept: [] });
      expect(events.events.map(({ type }) => type)).toEqual([
        'locked',
        'started',
        'swapped',
        'dropped',
        'done',
      ]);
      expect(await dumpCatalog(database)).toEqual(catalog);
      expect(await oidOf(database, name)).not.toBe(oid);
    },
  );

  it('changes the tuning that is given and keeps the rest', async () => {
    await using made = await indexStore();
    const { store, database } = made;
    await must(store.vectors.index.ensure({ hnsw: { m: 8, efConstruction: 100 } }));
    await must(store.vectors.index.rebuild('hnsw', { m: 12 }));
    expect(await definitionIn(database, HNSW)).toContain("(m='12', ef_construction='100')");
    await must(store.vectors.index.rebuild('hnsw', { efConstruction: 40 }));
    expect(await definitionIn(database, HNSW)).toContain("(m='12', ef_construction='40')");
    await must(store.vectors.index.rebuild('hnsw', { m: 30 }));
    expect(await definitionIn(database, HNSW)).toContain("(m='30', ef_construction='60')");
  });

  it('rebuilds all of a kind, or those that are named', async () => {
    await using made = await indexStore();
    const { store } = made;
    const users = [(await createUserWithChat(store)).userId, (await createUserWithChat(store)).userId].sort();
    const { built } = await must(store.vectors.index.ensure({ hnsw: { users }, metadataFields: ['a', 'b'] }));
    const partial = built.filter((name) => name.includes('hnsw'));
    const metadata = built.filter((name) => name.includes('metadata'));
    expect([partial.length, metadata.length]).toEqual([2, 2]);
    const { rebuild } = store.vectors.index;
    expect((await must(rebuild('partial-hnsw'))).rebuilt).toEqual(partial);
    expect((await must(rebuild('partial-hnsw', { users: users.slice(1), m: 8 }))).rebuilt).toEqual(
      partial.slice(1),
    );
    expect([...(await must(rebuild('metadata'))).rebuilt].sort()).toEqual([...metadata].sort());
    expect((await must(rebuild('metadata', { metadataFields: ['b'] }))).rebuilt).toEqual(metadata.slice(1));
    expect(
      (await must(store.vectors.index.status())).indexes.filter(({ userId }) => userId !== null),
    ).toMatchObject([
      { userId: users[0], hnsw: { m: 16 } },
      { userId: users[1], hnsw: { m: 8 } },
    ]);
  });

  it('builds one that is missing or invalid', async () => {
    await using made = await indexStore();
    const { store, database } = made;
    expect((await must(store.vectors.index.rebuild('hnsw'))).rebuilt).toEqual([HNSW]);
    await database.query('update pg_index set indisvalid = false where indexrelid = $1::regclass', [
      COVERING,
    ]);
    await must(store.vectors.index.rebuild('covering'));
    expect(await indexesOf(database)).toMatchObject({ [COVERING]: true, [HNSW]: true });
  });

  it('leaves searches an index of the name at every step, and keeps neither them nor writers waiting', async () => {
    await using made = await indexStore();
    const { store, database } = made;
    await must(store.vectors.index.ensure());
    const { userId, chatId } = await createUserWithChat(store);
    const embedding = anEmbedding(1, SMALL.dimensions);
    await using reader = await openSession(database);
    await using writer = await openSession(database);
    // The build waits for this writer, the drop of the old index for this reader: the rebuild stands still twice.
    await writer.query('begin; lock table chat_vectors in row exclusive mode');
    await reader.query('begin; select count(*) from chat_vectors');
    // Who queues for a lock longer gets an error. The rebuild's own session has no such limit.
    await database.query(`alter database ${database.name} set lock_timeout = '200ms'`);
    await using other = openStore(database);
    const useIt = async () => {
      expect(await indexesOf(database)).toMatchObject({ [HNSW]: true });
      await must(other.vectors.insert({ userId, ...aVector({ chatId, embedding }) }));
      expect(await must(other.vectorSearch.semanticSearch(embedding, userId))).not.toHaveLength(0);
    };

    const rebuilt = store.vectors.index.rebuild('hnsw');
    await builderIn(database, 'waiting for writers');
    await useIt();
    expect(await indexesOf(database)).toMatchObject({ [`${HNSW}_new`]: false });
    await writer.query('commit');
    await until('the drop waits for the reader', async () => {
      const rows = await database.query(
        `select 1 from pg_stat_activity where datname = current_database()
         and query ilike 'drop index concurrently%' and wait_event_type = 'Lock'`,
      );
      return rows.length > 0;
    });
    await useIt();
    expect(await indexesOf(database)).toMatchObject({ [`${HNSW}_old`]: false });
    await reader.query('commit');
    expect(await must(rebuilt)).toEqual({ rebuilt: [HNSW], swept: [] });
    await useIt();
    expect(Object.keys(await indexesOf(database)).filter((name) => /_(new|old)$/.test(name))).toEqual([]);
  });

  it('tries again for the names while somebody locks the old index, and drops the new one when it gives up', async () => {
    await using made = await indexStore();
    const { store, database } = made;
    await using other = await openSession(database);
    const events = collectIndexEvents();
    const lockIndex = () => other.query(`begin; alter index ${COVERING} set (fillfactor = 90)`);
    await lockIndex();
    const rebuilt = store.vectors.index.rebuild('covering', {
      onProgress: (event) => {
        events.onProgress(event);
        if (event.type === 'retrying') void other.query('rollback');
      },
    });
    expect((await must(rebuilt)).rebuilt).toEqual([COVERING]);
    expect(events.ofType('retrying').at(0)).toEqual({
      type: 'retrying',
      index: COVERING,
      attempt: 1,
      sqlState: '55P03',
    });

    const before = await indexesOf(database);
    await lockIndex();
    const abort = new AbortController();
    const given = store.vectors.index.rebuild('covering', {
      signal: abort.signal,
      onProgress: ({ type }) => {
        if (type === 'retrying') abort.abort();
      },
    });
    expect(await failure(given)).toMatchObject({ kind: 'aborted' });
    await other.query('rollback');
    expect(await indexesOf(database)).toEqual(before);
  });

  it('refuses options of another kind', async () => {
    await using made = await indexStore();
    const { rebuild, drop } = made.store.vectors.index;
    const user = '0190f5a0-0000-7000-8000-00000000000a';
    for (const [call, path] of [
      [rebuild('covering', { m: 16 }), 'm'],
      [rebuild('metadata', { efConstruction: 64 }), 'efConstruction'],
      [rebuild('hnsw', { users: [user] }), 'users'],
      [rebuild('partial-hnsw', { metadataFields: ['a'] }), 'metadataFields'],
      [rebuild('hnsw', { m: 40, efConstruction: 40 }), 'efConstruction'],
    ] as const) {
      expect(await failure(call)).toMatchObject({ kind: 'invalid-input', issues: [{ path }] });
    }
    const dropped = await failure(drop('hnsw', { metadataFields: ['a'] }));
    expect(dropped).toMatchObject({ kind: 'invalid-input', issues: [{ path: 'metadataFields' }] });
  });
});
