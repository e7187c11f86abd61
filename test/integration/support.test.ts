import { connect } from 'node:net';
import { Redis } from 'ioredis';
import pg from 'pg';
import { describe, expect, inject, onTestFinished, test } from 'vitest';
import { startPgBouncer } from '../support/pgbouncer.js';
import { startPostgresServer } from '../support/postgres-server.js';
import { startRedisServer } from '../support/redis-server.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { createTestDatabase } from '../support/test-database.js';

async function connectPostgres(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  onTestFinished(() => client.end().catch(() => {}));
  return client;
}

function connectRedis(url: string): Redis {
  const client = new Redis(url, { retryStrategy: null });
  client.on('error', () => {});
  onTestFinished(() => client.disconnect());
  return client;
}

async function isSilent(answer: Promise<unknown>, ms = 200): Promise<boolean> {
  const silence = new Promise<boolean>((resolve) => setTimeout(resolve, ms, true));
  return Promise.race([
    silence,
    answer.then(
      () => false,
      () => false,
    ),
  ]);
}

describe('createTestDatabase', () => {
  test('gives a database with pgvector from the template', async () => {
    await using database = await createTestDatabase();
    const rows = await database.query(
      `select '[3,4]'::vector <-> '[0,0]'::vector as distance, current_database() as name`,
    );
    expect(rows).toEqual([{ distance: 5, name: database.name }]);
  });

  test('gives databases that do not see each other', async () => {
    await using one = await createTestDatabase();
    await using other = await createTestDatabase();
    await one.query('create table note (id int)');
    expect(await other.query(`select to_regclass('note') as found`)).toEqual([{ found: null }]);
  });

  test('gives an empty database when asked for no template', async () => {
    await using database = await createTestDatabase({ template: false });
    expect(await database.query(`select extname from pg_extension where extname = 'vector'`)).toEqual([]);
  });

  test('drops a database that still has a client', async () => {
    const database = await createTestDatabase();
    await connectPostgres(database.url);
    await database.drop();
    await expect(connectPostgres(database.url)).rejects.toMatchObject({ code: '3D000' });
  });
});

describe('the run', () => {
  test('has a Redis that answers', async () => {
    expect(await connectRedis(inject('redisUrl')).ping()).toBe('PONG');
  });
});

describe('startRedisServer', () => {
  test('falls silent when stopped, answers when continued, and comes back empty after a restart', async () => {
    const server = await startRedisServer();
    onTestFinished(() => server.stop());
    const client = connectRedis(server.url);
    await client.set('key', 'value');

    server.stopProcess();
    const answer = client.get('key');
    expect(await isSilent(answer)).toBe(true);
    server.continueProcess();
    expect(await answer).toBe('value');

    await server.restart();
    expect(await connectRedis(server.url).get('key')).toBeNull();
  });
});

describe('startPostgresServer', () => {
  test('falls silent when paused and answers when resumed', async () => {
    const server = await startPostgresServer();
    onTestFinished(() => server.stop());
    const client = await connectPostgres(server.url);

    server.pause();
    const answer = client.query('select 1 as one');
    expect(await isSilent(answer)).toBe(true);
    server.resume();
    expect((await answer).rows).toEqual([{ one: 1 }]);
  });

  test('keeps its port and committed rows over a kill and a restart', async () => {
    const server = await startPostgresServer();
    onTestFinished(() => server.stop());
    await (await connectPostgres(server.url)).query('create table note as select 1 as id');

    await server.kill();
    await expect(connectPostgres(server.url)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    for (const mode of ['fast', 'immediate'] as const) {
      await server.restart(mode);
      const client = await connectPostgres(server.url);
      expect((await client.query('select id from note')).rows).toEqual([{ id: 1 }]);
    }
  });
});

describe('startPgBouncer', () => {
  test('shares one server connection between clients in transaction mode', async () => {
    await using database = await createTestDatabase();
    const bouncer = await startPgBouncer({
      postgresUrl: database.url,
      poolMode: 'transaction',
      settings: { default_pool_size: '1' },
    });
    onTestFinished(() => bouncer.stop());
    const [first, second] = [await connectPostgres(bouncer.url), await connectPostgres(bouncer.url)];
    const sql = 'select pg_backend_pid() as pid, current_database() as name';
    const { rows } = await first.query(sql);
    expect(rows).toMatchObject([{ name: database.name }]);
    expect((await second.query(sql)).rows).toEqual(rows);
  });
});

describe('startTcpProxy', () => {
  async function throughProxy() {
    const proxy = await startTcpProxy(Number(new URL(inject('redisUrl')).port));
    onTestFinished(() => proxy.close());
    const client = connectRedis(`redis://127.0.0.1:${proxy.port}`);
    await client.ping();
    return { proxy, client };
  }

  test('delays answers by the time asked for', async () => {
    const { proxy, client } = await throughProxy();
    proxy.delay(150);
    const start = performance.now();
    await client.ping();
    expect(performance.now() - start).toBeGreaterThanOrEqual(149);
  });

  test('keeps bytes back while stalled and delivers them in order after', async () => {
    const { proxy, client } = await throughProxy();
    proxy.stall();
    const answers = Promise.all(['a', 'b', 'c'].map((word) => client.echo(word)));
    expect(await isSilent(answers)).toBe(true);
    proxy.resume();
    expect(await answers).toEqual(['a', 'b', 'c']);
  });

  test('resets open connections when cut, and accepts new ones', async () => {
    const { proxy, client } = await throughProxy();
    const lost = new Promise((resolve) => client.once('error', resolve));
    proxy.cut();
    expect(await lost).toMatchObject({ code: 'ECONNRESET' });
    expect(await connectRedis(`redis://127.0.0.1:${proxy.port}`).ping()).toBe('PONG');
  });

  test('refuses connections when closed', async () => {
    const { proxy } = await throughProxy();
    await proxy.close();
    const refused = new Promise((resolve) => connect(proxy.port, '127.0.0.1').once('error', resolve));
    expect(await refused).toMatchObject({ code: 'ECONNREFUSED' });
  });
});
