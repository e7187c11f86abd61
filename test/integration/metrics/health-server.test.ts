import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PostgresServer, startPostgresServer } from '../../support/postgres-server.js';
import { type RedisServer, startRedisServer } from '../../support/redis-server.js';
import { until } from '../../support/until.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

let postgres: PostgresServer;
let redis: RedisServer;
let program: ChildProcess;
let url: string;

beforeAll(async () => {
  [postgres, redis] = await Promise.all([startPostgresServer(), startRedisServer()]);
  program = spawn(process.execPath, ['--import', 'tsx', 'examples/health-server.ts'], {
    cwd: ROOT,
    env: { ...process.env, PORT: '0', DATABASE_URL: postgres.url, REDIS_URL: redis.url },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let printed = '';
  program.stdout?.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  url = await until('it serves', () => /^serves (\S+)$/m.exec(printed)?.[1]);
});
afterAll(async () => {
  program?.kill('SIGKILL');
  await Promise.all([postgres?.stop(), redis?.stop()]);
});

interface Answer {
  readonly code: number;
  readonly status: string | undefined;
}

async function ask(path: string): Promise<Answer> {
  const response = await fetch(url + path);
  const text = await response.text();
  return { code: response.status, status: path === '/ready' ? JSON.parse(text).status : undefined };
}

const becomes = (expected: Answer) =>
  until(`/ready is ${JSON.stringify(expected)}`, async () => {
    const { code, status } = await ask('/ready');
    return code === expected.code && status === expected.status;
  });

describe('examples/health-server.ts on real servers', () => {
  it('is ready, degraded without Redis, not ready without PostgreSQL, and alive all the time', async () => {
    await becomes({ code: 200, status: 'ready' });
    await redis.stop();
    await becomes({ code: 200, status: 'degraded' });
    await postgres.kill();
    await becomes({ code: 503, status: 'unavailable' });
    expect((await ask('/live')).code).toBe(200);
    expect((await ask('/metrics')).code).toBe(200);
    expect((await ask('/other')).code).toBe(404);
    await postgres.restart();
    await becomes({ code: 200, status: 'degraded' });
    expect((await ask('/live')).code).toBe(200);
  });

  it('ends by itself when it is told to', async () => {
    program.kill('SIGTERM');
    expect((await once(program, 'exit'))[0]).toBe(0);
  });
});
