import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { DEFAULTS, type MacroStoreConfig, MacroStoreConfigError, resolveConfig } from '../../src/config.js';

const url = 'postgresql://localhost/chat';

/** The paths of the refused fields. */
function refusedPaths(config: unknown): string[] {
  try {
    resolveConfig(config as MacroStoreConfig);
  } catch (error) {
    if (error instanceof MacroStoreConfigError) return error.issues.map(({ path }) => path);
    throw error;
  }
  return [];
}

describe('resolveConfig', () => {
  it('runs embedded in memory where nothing is given', () => {
    expect(resolveConfig()).toEqual({
      database: { kind: 'embedded', dataDir: null },
      redis: null,
      embedding: { dimensions: 1536, column: 'vector', model: null },
      cache: { ...DEFAULTS.cache, entities: null },
      autoMigrate: true,
      logger: null,
      search: { indexedMetadata: [], recallSampleRate: 0, recallTarget: 0.99 },
      rateLimits: {},
      sessions: DEFAULTS.sessions,
      telemetry: DEFAULTS.telemetry,
      alerts: { ...DEFAULTS.alerts, isWatched: false },
      clock: Date.now,
    });
  });

  it('takes a meter and a tracer by what they can do, and a name of a pool that is fit for a label', () => {
    expect(
      refusedPaths({
        telemetry: { meter: {}, tracer: {}, poolName: 'a b', slowOperationMillis: 0, slowQueryMillis: 0.5 },
      }),
    ).toEqual([
      'telemetry.meter',
      'telemetry.tracer',
      'telemetry.slowOperationMillis',
      'telemetry.slowQueryMillis',
      'telemetry.poolName',
    ]);
  });

  it('caches no entities unless asked to, and bounds how long', () => {
    const entitiesOf = (entities: boolean | { ttlSeconds?: number }) =>
      resolveConfig({ cache: { entities } }).cache.entities;
    expect(entitiesOf(false)).toBeNull();
    expect(entitiesOf(true)).toEqual({ ttlSeconds: 300 });
    expect(entitiesOf({})).toEqual({ ttlSeconds: 300 });
    expect(entitiesOf({ ttlSeconds: 5 })).toEqual({ ttlSeconds: 5 });
    expect(() => entitiesOf({ ttlSeconds: 0 })).toThrow('cache.entities');
  });

  it('fills in the defaults of a server', () => {
    const { database, autoMigrate } = resolveConfig({ database: { url } });
    expect(database).toEqual({ kind: 'server', url, ...DEFAULTS.database });
    expect(autoMigrate).toBe(false);
  });

  it('fills in the defaults of Redis', () => {
    const redisUrl = 'redis://localhost';
    expect(resolveConfig({ redis: { url: redisUrl } }).redis).toEqual({
      kind: 'owned',
      url: redisUrl,
      ...DEFAULTS.redis,
    });
    expect(resolveConfig({ redis: false }).redis).toBeNull();
    const given = { nodes: [{ host: 'a' }, { host: 'b', port: 7_000 }], password: 'p', tls: true };
    expect(resolveConfig({ redis: given }).redis).toEqual({
      kind: 'cluster',
      ...given,
      nodes: [
        { host: 'a', port: 6_379 },
        { host: 'b', port: 7_000 },
      ],
      ...DEFAULTS.redis,
    });
    expect(resolveConfig({ redis: { sentinels: [{ host: 'a' }], name: 'main' } }).redis).toEqual({
      kind: 'sentinel',
      sentinels: [{ host: 'a', port: 26_379 }],
      name: 'main',
      ...DEFAULTS.redis,
    });
  });

  it.each([
    [{ chat: { limit: 60, windowSeconds: 60, burst: 10 } }, []],
    [{ chat: { limit: 0, windowSeconds: 60 } }, ['rateLimits.chat.limit']],
    [{ chat: { limit: 1 } }, ['rateLimits.chat.windowSeconds']],
    [{ 'a b': { limit: 1, windowSeconds: 1 } }, ['rateLimits.a b']],
    [[], ['rateLimits']],
  ])('checks the rate limits %o', (rateLimits, paths) => {
    expect(refusedPaths({ rateLimits })).toEqual(paths);
  });

  const own = () => 1;
  it.each([
    [{ jobs: { value: own, below: 1 }, 'a.b-c_1': { value: own, above: 0 } }, []],
    [{ jobs: { value: own } }, ['alerts.own.jobs']],
    [{ jobs: { value: own, below: 1, above: 0 } }, ['alerts.own.jobs']],
    [{ jobs: { value: 1, below: 1 } }, ['alerts.own.jobs']],
    [{ jobs: { value: own, below: Number.NaN } }, ['alerts.own.jobs']],
    [{ poolUse: { value: own, below: 1 } }, ['alerts.own.poolUse']],
    [{ 'a b': { value: own, below: 1 } }, ['alerts.own.a b']],
  ])('checks the targets of the application %o', (targets, paths) => {
    expect(refusedPaths({ alerts: { own: targets } })).toEqual(paths);
  });

  it.each([
    [{ nodes: [] }, ['redis.nodes']],
    [{ nodes: [{ host: '', port: 0 }] }, ['redis.nodes.0.host', 'redis.nodes.0.port']],
    [{ nodes: [{ host: 'a' }], db: 1 }, ['redis.db']],
    [{ nodes: [{ host: 'a' }], natMap: { 'a:1': { host: 'b' } } }, ['redis.natMap.a:1.port']],
    [{ sentinels: [{ host: 'a' }] }, ['redis.name']],
    [{ sentinels: [{ host: 'a' }], name: 'main', tls: 'yes' }, ['redis.tls']],
    [{ url: 'redis://localhost', tls: {} }, ['redis.tls']],
    [{ client: {} }, ['redis.client']],
  ])('refuses the Redis %o', (redis, paths) => {
    expect(refusedPaths({ redis })).toEqual(paths);
  });

  it('keeps what is given', () => {
    const given = {
      url,
      max: 5,
      min: 0,
      statementTimeoutMillis: 100,
      pooler: 'transaction',
      tls: false,
    } as const;
    expect(resolveConfig({ database: given }).database).toMatchObject(given);
    expect(resolveConfig({ database: { embedded: { dataDir: './data' } } }).database).toEqual({
      kind: 'embedded',
      dataDir: './data',
    });
    expect(resolveConfig({ autoMigrate: false }).autoMigrate).toBe(false);
  });

  it('takes a pool that is lent, and gives it no size', () => {
    const pool = new pg.Pool();
    const { database } = resolveConfig({ database: { pool } });
    expect(database).toMatchObject({ kind: 'borrowed', maxWaiting: DEFAULTS.database.maxWaiting });
    expect(database).toHaveProperty('pool', pool);
    expect(refusedPaths({ database: { pool, max: 5 } })).toEqual(['database.max']);
  });

  it('keeps a pool smaller than the default minimum full', () => {
    expect(resolveConfig({ database: { url, max: 1 } }).database).toMatchObject({ max: 1, min: 1 });
  });

  it('reports every mistake at once, by the path of its field', () => {
    expect(
      refusedPaths({
        database: { url: 'mysql://localhost', max: 0, statementTimeout: 5 },
        redis: { url: 'http://localhost' },
        embedding: { dimensions: 0, column: 'bit' },
        cache: { memoryMaxBytes: -1 },
        logger: {},
        clock: 5,
        databse: {},
      }).sort(),
    ).toEqual([
      'cache.memoryMaxBytes',
      'clock',
      'database.max',
      'database.statementTimeout',
      'database.url',
      'databse',
      'embedding.column',
      'embedding.dimensions',
      'logger',
      'redis.url',
    ]);
  });

  it('lists every mistake in its message', () => {
    const config = { database: { url: 'x', max: 0 } };
    expect(() => resolveConfig(config)).toThrow(MacroStoreConfigError);
    expect(() => resolveConfig(config)).toThrow(/database\.url: must be a postgres.*\n.*database\.max: /s);
  });

  it.each([
    [{ dimensions: 2_000 }, []],
    [{ dimensions: 2_001 }, ['embedding.dimensions']],
    [{ dimensions: 4_000, column: 'halfvec' }, []],
    [{ dimensions: 4_001, column: 'halfvec' }, ['embedding.dimensions']],
    [{ dimensions: 1.5 }, ['embedding.dimensions']],
    [{ dimensions: Number.NaN }, ['embedding.dimensions']],
    [{ model: 'text-embedding-3-small' }, []],
    [{ model: '' }, ['embedding.model']],
    [{ model: 'a\0b' }, ['embedding.model']],
  ])('holds the embedding %o to what an index takes', (embedding, paths) => {
    expect(refusedPaths({ embedding })).toEqual(paths);
  });

  it('says how a longer embedding can be stored', () => {
    expect(() => resolveConfig({ embedding: { dimensions: 3_072 } })).toThrow("column: 'halfvec'");
  });

  it.each([
    [{ url, max: 2, min: 3 }, ['database.min']],
    [{ url, acquireTimeoutMillis: 2 ** 31 }, ['database.acquireTimeoutMillis']],
    [{ url, connectionTimeoutMillis: 0 }, ['database.connectionTimeoutMillis']],
    [{ url, migrationUrl: 'localhost' }, ['database.migrationUrl']],
    [{ url, pooler: 'session' }, ['database.pooler']],
    [{ pool: {} }, ['database.pool']],
    [{ embedded: false }, ['database.embedded']],
    [{ embedded: { dataDir: '' } }, ['database.embedded.dataDir']],
    [{}, ['database.url']],
    [null, ['database']],
    ['postgresql://localhost/chat', ['database']],
  ])('refuses the database %o', (database, paths) => {
    expect(refusedPaths({ database })).toEqual(paths);
  });

  it.each([null, 'text', 5, []])('refuses %o as a configuration', (config) => {
    expect(refusedPaths(config)).toEqual(['input']);
  });
});

describe('redis.keyPrefix', () => {
  const prefixed = (keyPrefix: string) => resolveConfig({ redis: { url: 'redis://localhost', keyPrefix } });

  it.each(['', 'app:', '{app}:', 'a{b}c{', 'a}'])('accepts %j', (keyPrefix) => {
    expect(prefixed(keyPrefix).redis?.keyPrefix).toBe(keyPrefix);
  });

  it.each(['{', 'a{b', '{}', 'a{}{b}'])('refuses half a hash tag: %j', (keyPrefix) => {
    expect(() => prefixed(keyPrefix)).toThrow(/redis.keyPrefix: must hold a whole \{tag\}/);
  });
});
