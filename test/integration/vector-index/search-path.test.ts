import { randomUUID } from 'node:crypto';
import { describe, expect, inject, it } from 'vitest';
import { failure, must } from '../../support/builders.js';
import { dumpCatalog } from '../../support/catalog-dump.js';
import { queryOnce } from '../../support/database-admin.js';
import { COVERING, HNSW, indexStore, openSession, openStore } from '../../support/vector-index-runs.js';

describe('vectors.index with a schema of its own in front of the search path', () => {
  it('works on its own indexes, and touches none of a store further down the path', async () => {
    await using made = await indexStore();
    const { database } = made;
    await must(made.store.vectors.index.ensure({ metadataFields: ['a'] }));
    // As of a rebuild by the other store that goes on, or was cut off.
    await database.query(`create index ${COVERING}_new on chat_vectors (user_id)`);
    await database.query(`create index ${COVERING}_old on chat_vectors (user_id)`);
    const before = await dumpCatalog(database, 'public');

    const name = `macro_store_test_${randomUUID().slice(0, 8)}`;
    await database.query(`create role ${name} superuser login password 'secret'`);
    await database.query(`alter role ${name} set search_path = ${name}, public`);
    await database.query(`create schema ${name}`);
    const url = new URL(database.url);
    url.username = name;
    url.password = 'secret';
    try {
      await using tenant = openStore({ ...database, url: url.href });
      const { index } = tenant.vectors;
      expect(await failure(index.status())).toMatchObject({ kind: 'not-migrated' });
      await must(tenant.migrate({ hnsw: 'skip' }));
      expect((await must(index.status())).leftovers).toEqual([]);
      expect((await must(index.ensure())).built).toEqual([HNSW]);
      expect((await must(index.rebuild('covering'))).rebuilt).toEqual([COVERING]);
      // One that fails clears up after itself only.
      await using holder = await openSession(database);
      await holder.query(`begin; alter index ${name}.${COVERING} set (fillfactor = 90)`);
      const abort = new AbortController();
      const onProgress = ({ type }: { type: string }) => {
        if (type === 'retrying') abort.abort();
      };
      const aborted = index.rebuild('covering', { signal: abort.signal, onProgress });
      expect(await failure(aborted)).toMatchObject({ kind: 'aborted' });
      await holder.query('rollback');
      expect((await must(index.drop('hnsw'))).dropped).toEqual([HNSW]);
      expect((await must(index.drop('metadata'))).dropped).toEqual([]);
      expect(await dumpCatalog(database, 'public')).toEqual(before);
    } finally {
      await database.drop();
      await queryOnce(inject('postgresUrl'), `drop role ${name}`);
    }
  });
});
