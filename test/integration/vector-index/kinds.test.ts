import { describe, expect, it } from 'vitest';
import type { createMacroStore } from '../../../src/create-macro-store.js';
import { aVector, createUserWithChat, must } from '../../support/builders.js';
import { SMALL, seedVectors } from '../../support/migration-runs.js';
import type { TestDatabase } from '../../support/test-database.js';
import { HNSW, indexStore, openSession } from '../../support/vector-index-runs.js';

/** Users by their number of vectors, most first. */
async function usersBySize(database: TestDatabase): Promise<string[]> {
  const rows = await database.query<{ id: string }>(
    'select user_id as id from chat_vectors group by 1 order by count(*) desc, 1',
  );
  return rows.map(({ id }) => id);
}

async function indexedUsers(store: ReturnType<typeof createMacroStore>): Promise<(string | null)[]> {
  const { indexes } = await must(store.vectors.index.status());
  return indexes.filter(({ kind }) => kind === 'partial-hnsw').map(({ userId }) => userId);
}

describe('vectors.index.ensure with hnsw.heaviestUsers', () => {
  it.each(['with', 'without'])('finds them %s statistics', async (statistics) => {
    await using made = await indexStore();
    const { store, database } = made;
    await database.query('alter table chat_vectors set (autovacuum_enabled = off)');
    for (const rows of [20, 300, 60, 5, 120]) await seedVectors(database, rows);
    if (statistics === 'with') await database.query('analyze chat_vectors');
    const users = await usersBySize(database);
    const { built } = await must(store.vectors.index.ensure({ hnsw: { heaviestUsers: 2, minUserRows: 50 } }));
    expect(built).toHaveLength(2);
    expect([...(await indexedUsers(store))].sort()).toEqual(users.slice(0, 2).sort());
    // 4 are asked for and 3 are large enough. Those that are there are taken.
    const more = await must(store.vectors.index.ensure({ hnsw: { heaviestUsers: 4, minUserRows: 50 } }));
    expect(more.built).toHaveLength(1);
    expect([...(await indexedUsers(store))].sort()).toEqual(users.slice(0, 3).sort());
  });

  it('counts what the statistics name, and so is not misled by old ones', async () => {
    await using made = await indexStore();
    const { store, database } = made;
    await database.query('alter table chat_vectors set (autovacuum_enabled = off)');
    for (const rows of [300, 200]) await seedVectors(database, rows);
    await database.query('analyze chat_vectors');
    const [shrunk, largest] = await usersBySize(database);
    await database.query('delete from chat_vectors where user_id = $1', [shrunk]);
    await must(store.vectors.index.ensure({ hnsw: { heaviestUsers: 1, minUserRows: 1 } }));
    expect(await indexedUsers(store)).toEqual([largest]);
  });

  it('builds none for users below the least size, and no index of all vectors', async () => {
    await using made = await indexStore();
    const { store, database } = made;
    await seedVectors(database, 100);
    expect((await must(store.vectors.index.ensure({ hnsw: { heaviestUsers: 3 } }))).built).toEqual([]);
    const { indexes } = await must(store.vectors.index.status());
    expect(indexes.find(({ name }) => name === HNSW)).toMatchObject({ exists: false });
  });

  it('serves the user whose id the query names', async () => {
    await using made = await indexStore();
    const { store, database } = made;
    for (const rows of [500, 50]) await seedVectors(database, rows);
    const [user] = await usersBySize(database);
    const { built } = await must(
      store.vectors.index.ensure({ hnsw: { heaviestUsers: 1, minUserRows: 100 } }),
    );
    await using session = await openSession(database);
    await session.query('set enable_sort = off');
    const { rows } = await session.query(
      `explain (format json) select id from chat_vectors where user_id = '${user}'
       order by embedding <=> (select embedding from chat_vectors limit 1) limit 5`,
    );
    expect(JSON.stringify(rows)).toContain(built[0]);
  });
});

describe('vectors.index.ensure with metadataFields', () => {
  it('makes an index that finds a value, takes a value of any length, and is told by its field', async () => {
    await using made = await indexStore();
    const { store, database } = made;
    const { userId, chatId } = await createUserWithChat(store);
    const fields = ['topic', 'Topic', "it's", 'a"b', 'x\\y', '話題', ' on a.b using (', '%s'];
    const { built } = await must(store.vectors.index.ensure({ hnsw: false, metadataFields: fields }));
    expect(new Set(built).size).toBe(fields.length);
    const long = 'x'.repeat(100_000) + Math.random();
    await seedVectors(database, 2_000);
    const embedding = new Float32Array(SMALL.dimensions).fill(0.1);
    for (const field of fields) {
      await must(
        store.vectors.insert({ userId, ...aVector({ chatId, embedding, metadata: { [field]: long } }) }),
      );
    }
    await database.query('analyze chat_vectors');
    const { indexes } = await must(store.vectors.index.status());
    const metadata = indexes.filter(({ kind }) => kind === 'metadata');
    expect(metadata.map(({ metadataField }) => metadataField).sort()).toEqual([...fields].sort());
    expect(metadata.map(({ advice }) => advice)).toEqual(fields.map(() => []));
    // Asked again, also in another order, all of them are taken.
    const again = await must(
      store.vectors.index.ensure({ hnsw: false, metadataFields: [...fields].reverse() }),
    );
    expect(again.built).toEqual([]);

    const where = `user_id = '${userId}' and jsonb_hash(metadata -> 'it''s') = jsonb_hash(to_jsonb($1::text)) and metadata -> 'it''s' = to_jsonb($1::text)`;
    expect(await database.query(`select id from chat_vectors where ${where}`, [long])).toHaveLength(1);
    const plan = await database.query(`explain (format json) select id from chat_vectors where ${where}`, [
      long,
    ]);
    const index = metadata.find(({ metadataField }) => metadataField === "it's");
    expect(JSON.stringify(plan)).toContain(index?.name);
  });
});

describe('vectors.index.drop', () => {
  it('drops all of a kind or those that are named, tells which, and nothing where there is none', async () => {
    await using made = await indexStore();
    const { store } = made;
    const { drop, ensure } = store.vectors.index;
    const users = [(await createUserWithChat(store)).userId, (await createUserWithChat(store)).userId].sort();
    await must(ensure({ hnsw: { users }, metadataFields: ['a', 'b', 'c'] }));
    await must(ensure());
    expect(await must(drop('hnsw'))).toEqual({ dropped: [HNSW] });
    expect(await must(drop('hnsw'))).toEqual({ dropped: [] });
    const [first = '', second = ''] = users.map(
      (user) => `idx_chat_vectors_hnsw_${user.replaceAll('-', '')}`,
    );
    expect(await must(drop('partial-hnsw', { users: users.slice(0, 1) }))).toEqual({ dropped: [first] });
    expect(await must(drop('partial-hnsw'))).toEqual({ dropped: [second] });
    expect((await must(drop('metadata', { metadataFields: ['b', 'none'] }))).dropped).toHaveLength(1);
    const fields = async () =>
      (await must(store.vectors.index.status())).indexes.flatMap(({ metadataField }) => metadataField ?? []);
    expect((await fields()).sort()).toEqual(['a', 'c']);
    expect((await must(drop('metadata'))).dropped).toHaveLength(2);
    expect(await fields()).toEqual([]);
  });

  it('takes what a rebuild of the index left along', async () => {
    await using made = await indexStore();
    const { store, database } = made;
    await must(store.vectors.index.ensure());
    await database.query(`create index ${HNSW}_new on chat_vectors (user_id)`);
    expect(await must(store.vectors.index.drop('hnsw'))).toEqual({ dropped: [HNSW, `${HNSW}_new`] });
  });
});
