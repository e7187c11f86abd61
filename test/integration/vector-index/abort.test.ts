import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failure, must } from '../../support/builders.js';
import { seedVectors } from '../../support/migration-runs.js';
import { until } from '../../support/until.js';
import {
  builderIn,
  COVERING,
  definitionIn,
  HNSW,
  indexesOf,
  indexStore,
  openSession,
} from '../../support/vector-index-runs.js';

describe('index work that is cut off', { timeout: 60_000 }, () => {
  let made: Awaited<ReturnType<typeof indexStore>>;
  let before: Record<string, boolean>;
  beforeAll(async () => {
    made = await indexStore();
    await seedVectors(made.database, 8_000);
    before = await indexesOf(made.database);
  });
  afterAll(() => made[Symbol.asyncDispose]());

  /** Sessions of index work on the server; gone when the work is over. */
  const sessions = () =>
    made.database.query(
      "select pid from pg_stat_activity where datname = current_database() and application_name = '@macro-ai/store index'",
    );

  it('by its signal in the middle of a build leaves no index and no session behind', async () => {
    const { store, database } = made;
    const abort = new AbortController();
    const building = store.vectors.index.ensure({ signal: abort.signal });
    await builderIn(database, 'building index');
    abort.abort();
    expect(await failure(building)).toMatchObject({ kind: 'aborted', operation: 'vectors.index.ensure' });
    expect(await indexesOf(database)).toEqual(before);
    await until('its sessions have ended', async () => (await sessions()).length === 0);
  });

  it('by its signal in the middle of a rebuild leaves the old index in its place', async () => {
    const { store, database } = made;
    await must(store.vectors.index.ensure());
    const abort = new AbortController();
    const rebuilding = store.vectors.index.rebuild('hnsw', { signal: abort.signal, m: 8 });
    await builderIn(database, 'building index');
    abort.abort();
    expect(await failure(rebuilding)).toMatchObject({ kind: 'aborted', operation: 'vectors.index.rebuild' });
    expect(await indexesOf(database)).toEqual({ ...before, [HNSW]: true });
    expect(await definitionIn(database, HNSW)).toContain("m='16'");
    await must(store.vectors.index.drop('hnsw'));
  });

  it('by its signal while a transaction keeps the table ends all the same, and the next call clears up', async () => {
    const { store, database } = made;
    const abort = new AbortController();
    await using writer = await openSession(database);
    await writer.query('begin; lock table chat_vectors in row exclusive mode');
    const rebuilding = store.vectors.index.rebuild('covering', { signal: abort.signal });
    await builderIn(database, 'waiting for writers');
    abort.abort();
    expect(await failure(rebuilding)).toMatchObject({ kind: 'aborted' });
    expect(await indexesOf(database)).toEqual({ ...before, [`${COVERING}_new`]: false });
    await writer.query('commit');
    expect(await must(store.vectors.index.ensure({ hnsw: false }))).toMatchObject({
      swept: [`${COVERING}_new`],
    });
    expect(await indexesOf(database)).toEqual(before);
  });

  it('by its signal while it waits for another session sends nothing', async () => {
    const { store, database } = made;
    const abort = new AbortController();
    await using holder = await openSession(database);
    await holder.query(
      "select pg_advisory_lock(hashtext('@macro-ai/store migrations'), hashtext(current_schema()))",
    );
    const waiting = store.vectors.index.ensure({
      signal: abort.signal,
      onProgress: ({ type }) => {
        if (type === 'lock-waiting') abort.abort();
      },
    });
    expect(await failure(waiting)).toMatchObject({ kind: 'aborted' });
    const late = await failure(store.vectors.index.ensure({ lockWaitMs: 0 }));
    expect(late).toMatchObject({
      kind: 'migration-lock-timeout',
      operation: 'vectors.index.ensure',
      retryable: true,
    });
    expect(await indexesOf(database)).toEqual(before);
  });

  it('by its signal before it starts sends nothing', async () => {
    const error = await failure(made.store.vectors.index.ensure({ signal: AbortSignal.abort() }));
    expect(error).toMatchObject({ kind: 'aborted' });
  });

  it('by the server in the middle of a build gives unavailable, and the next call finishes', async () => {
    const { store, database } = made;
    const building = store.vectors.index.ensure();
    await database.query('select pg_terminate_backend($1)', [await builderIn(database, 'building index')]);
    expect(await failure(building)).toMatchObject({ kind: 'unavailable', retryable: true });
    expect(await indexesOf(database)).toEqual({ ...before, [HNSW]: false });

    const again = store.vectors.index.ensure();
    await database.query('select pg_cancel_backend($1)', [await builderIn(database, 'building index')]);
    expect(await failure(again)).toMatchObject({ kind: 'timeout' });
    // The session was there to clear up.
    expect(await indexesOf(database)).toEqual(before);
    expect(await must(store.vectors.index.ensure())).toMatchObject({ built: [HNSW] });
    await must(store.vectors.index.drop('hnsw'));
  });
});
