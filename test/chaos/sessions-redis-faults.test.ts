import { Redis } from 'ioredis';
import type { ResultAsync } from 'neverthrow';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { SessionStore } from '../../src/sessions/session-store.js';
import { type RedisPlace, redisPlace } from '../contract/sessions-kit.js';
import { type RedisServer, startRedisServer } from '../support/redis-server.js';

const USER = 'ada';
const DEADLINE_MS = 250;
// A bound for a busy machine: without deadlines these calls take seconds or never end.
const GENEROUS_MS = 10 * DEADLINE_MS;

let server: RedisServer;
let raw: Redis;
let place: RedisPlace;

beforeEach(async () => {
  server = await startRedisServer();
  raw = new Redis(server.url);
  raw.on('error', () => undefined);
  place = redisPlace(raw, { url: server.url });
});
afterEach(async () => {
  server.continueProcess();
  await place.close();
  raw.disconnect();
  await server.stop();
});

const create = async (sessions: SessionStore) =>
  (await sessions.create({ userId: USER, data: { cart: 1 } }))._unsafeUnwrap();

const everyCall = (
  sessions: SessionStore,
  token: string,
): (() => ResultAsync<unknown, { kind: string }>)[] => [
  () => sessions.get(token),
  () => sessions.touch(token),
  () => sessions.update(token, { data: 2, version: 1 }),
  () => sessions.rotate(token),
  () => sessions.revoke(token),
  () => sessions.list(USER),
  () => sessions.revokeAll(USER),
  () => sessions.epoch(USER),
  () => sessions.create({ userId: USER, data: 1 }),
];

describe.each([
  ['hangs', () => server.stopProcess(), async () => server.continueProcess()],
  ['is killed', () => server.kill(), () => server.restart()],
] as const)('Redis that %s', (how, takeDown, bringBack) => {
  it('lets nobody in and fails every call in time, at once after a few, and comes back', async () => {
    const { sessions, link } = place.openProcess({ commandTimeoutMillis: DEADLINE_MS });
    const { token } = await create(sessions);
    await takeDown();
    for (const call of everyCall(sessions, token)) {
      const startedAt = performance.now();
      expect((await call())._unsafeUnwrapErr()).toMatchObject({ kind: 'unavailable', retryable: true });
      expect(performance.now() - startedAt).toBeLessThan(GENEROUS_MS);
    }
    expect(link.isDown).toBe(true);
    const startedAt = performance.now();
    for (let count = 0; count < 500; count += 1) expect((await sessions.get(token)).isErr()).toBe(true);
    expect(performance.now() - startedAt).toBeLessThan(GENEROUS_MS);

    await bringBack();
    await vi.waitFor(() => expect(link.isDown).toBe(false), { timeout: 15_000, interval: 5 });
    const found = (await sessions.get(token))._unsafeUnwrap();
    // What was sent while it hung (three calls, none of which ends it) was done; a killed one has forgotten all.
    expect(found?.userId).toBe(how === 'hangs' ? USER : undefined);
    expect((await create(sessions)).session.version).toBe(1);
  });
});

describe('Redis that dies with a command', () => {
  it('costs the caller an unavailable and makes no session of it afterwards', async () => {
    const { sessions, link } = place.openProcess({ commandTimeoutMillis: 5_000 });
    const { token } = await create(sessions);
    server.stopProcess();
    const calls = [
      sessions.update(token, { data: 2, version: 1 }),
      sessions.rotate(token),
      sessions.create({ userId: USER, data: 3 }),
    ] as ResultAsync<unknown, { kind: string }>[];
    await new Promise((resolve) => setTimeout(resolve, 50));
    await server.restart();
    for (const call of calls) expect((await call)._unsafeUnwrapErr().kind).toBe('unavailable');
    await vi.waitFor(() => expect(link.isDown).toBe(false), { timeout: 15_000, interval: 5 });
    expect((await sessions.list(USER))._unsafeUnwrap()).toEqual([]);
    expect(await raw.dbsize()).toBe(0);
  });
});

describe('a call whose signal fires while Redis hangs', () => {
  it('ends at once; what was sent is done when Redis goes on', async () => {
    const { sessions, link } = place.openProcess({ commandTimeoutMillis: 60_000 });
    const { token } = await create(sessions);
    server.stopProcess();
    const controller = new AbortController();
    const calls = [
      sessions.revoke(token, controller),
      sessions.create({ userId: USER, data: 1 }, controller),
    ];
    controller.abort();
    for (const call of calls) expect((await call)._unsafeUnwrapErr().kind).toBe('aborted');
    expect(link.isDown).toBe(false);
    server.continueProcess();
    expect((await sessions.get(token))._unsafeUnwrap()).toBeNull();
    expect((await sessions.list(USER))._unsafeUnwrap()).toHaveLength(1);
  });
});

describe('Redis that has forgotten the scripts', () => {
  it('does every change once', async () => {
    const sessions = place.open({ touchIntervalSeconds: 0 });
    const forget = () => raw.script('FLUSH');
    const first = await create(sessions);
    await forget();
    const second = await create(sessions);
    expect((await sessions.list(USER))._unsafeUnwrap()).toHaveLength(2);
    await forget();
    expect((await sessions.update(first.token, { data: 2, version: 1 }))._unsafeUnwrap().version).toBe(2);
    await forget();
    const rotated = (await sessions.rotate(first.token))._unsafeUnwrap();
    expect(rotated.session).toMatchObject({ data: 2, version: 3 });
    await forget();
    expect((await sessions.revoke(second.token))._unsafeUnwrap()).toBe(true);
    await forget();
    expect((await sessions.get(rotated.token))._unsafeUnwrap()).toMatchObject({ version: 3 });
    await forget();
    expect((await sessions.revokeAll(USER))._unsafeUnwrap()).toBe(1);
  });
});

describe('Redis that is full', () => {
  it('refuses a new session and keeps the others', async () => {
    const sessions = place.open();
    const { token } = await create(sessions);
    await raw.config('SET', 'maxmemory', '1');
    expect((await sessions.create({ userId: USER, data: 1 }))._unsafeUnwrapErr().kind).toBe('unavailable');
    expect((await sessions.update(token, { data: 2, version: 1 }))._unsafeUnwrapErr().kind).toBe(
      'unavailable',
    );
    await raw.config('SET', 'maxmemory', '0');
    expect((await sessions.get(token))._unsafeUnwrap()).toMatchObject({ data: { cart: 1 }, version: 1 });
  });

  it('still ends sessions', async () => {
    const sessions = place.open();
    const { token } = await create(sessions);
    await create(sessions);
    await raw.config('SET', 'maxmemory', '1');
    expect((await sessions.revoke(token))._unsafeUnwrap()).toBe(true);
    expect((await sessions.revokeAll(USER))._unsafeUnwrap()).toBe(1);
    await raw.config('SET', 'maxmemory', '0');
    expect((await sessions.list(USER))._unsafeUnwrap()).toEqual([]);
  });
});
