import { describe, expect, it } from 'vitest';
import { MIGRATIONS } from '../../../src/migrations/bundled.js';
import { must } from '../../support/builders.js';
import { dumpLedger } from '../../support/catalog-dump.js';
import { definitionIn, HNSW, indexesOf, indexStore } from '../../support/vector-index-runs.js';

const STEP = '0005_hnsw_index';
const NOTHING = { applied: [], adopted: [], skipped: [] };

describe('migrate and vectors.index', () => {
  it('agree on an index that ensure built: the next migrate takes it as it is', async () => {
    await using made = await indexStore();
    const { store, database } = made;
    await must(store.vectors.index.ensure());
    const [before] = await database.query('select $1::regclass::oid as oid', [HNSW]);
    expect(await must(store.migrate())).toEqual({ ...NOTHING, applied: [STEP] });
    expect(await database.query('select $1::regclass::oid as oid', [HNSW])).toEqual([before]);
    expect(await dumpLedger(database)).toMatchObject(MIGRATIONS.map(({ id }) => ({ id, state: 'done' })));
  });

  it('agree on an index of other tuning', async () => {
    await using made = await indexStore();
    const { store, database } = made;
    await must(store.vectors.index.ensure({ hnsw: { m: 24, efConstruction: 100 } }));
    expect(await must(store.migrate())).toEqual({ ...NOTHING, applied: [STEP] });
    expect(await definitionIn(database, HNSW)).toContain("(m='24', ef_construction='100')");
  });

  it('agree on an index that was dropped: migrate leaves it out', async () => {
    await using made = await indexStore();
    const { store, database } = made;
    await must(store.migrate());
    expect(await must(store.vectors.index.drop('hnsw'))).toEqual({ dropped: [HNSW] });
    expect(await must(store.migrate())).toEqual(NOTHING);
    expect(Object.keys(await indexesOf(database))).not.toContain(HNSW);
    expect(await must(store.vectors.index.ensure())).toMatchObject({ built: [HNSW] });
    expect(await must(store.migrate())).toEqual(NOTHING);
  });

  it('agree on one that was built and dropped while migrate leaves it out', async () => {
    await using made = await indexStore();
    const { store, database } = made;
    await must(store.vectors.index.ensure());
    expect(await must(store.migrate({ hnsw: 'skip' }))).toEqual(NOTHING);
    expect(await indexesOf(database)).toMatchObject({ [HNSW]: true });
    await must(store.vectors.index.drop('hnsw'));
    expect(await must(store.migrate({ hnsw: 'skip' }))).toEqual(NOTHING);
    expect(await must(store.migrate())).toEqual({ ...NOTHING, applied: [STEP] });
    expect(await indexesOf(database)).toMatchObject({ [HNSW]: true });
  });

  it('agree on what a migration that was cut off left: ensure finishes it, and migrate takes it', async () => {
    await using made = await indexStore();
    const { store, database } = made;
    await must(store.vectors.index.ensure());
    await database.query(`update macro_store_migrations set state = 'started' where id = '${STEP}'`);
    await database.query('update pg_index set indisvalid = false where indexrelid = $1::regclass', [HNSW]);
    expect(await must(store.vectors.index.ensure())).toMatchObject({ built: [HNSW] });
    expect(await must(store.migrate())).toEqual({ ...NOTHING, applied: [STEP] });
  });
});
