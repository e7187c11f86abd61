import { Redis } from 'ioredis';
import type { ResultAsync } from 'neverthrow';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it, vi } from 'vitest';
import type { SessionStore } from '../../src/sessions/session-store.js';
import { SESSION_ID_LENGTH } from '../../src/sessions/session-token.js';
import { durablePlace, type RedisPlace, type SessionRows, sessionRows } from '../contract/sessions-kit.js';
import { type GatedExecutor, gatedExecutor } from '../support/gated-executor.js';
import { type RedisServer, startRedisServer } from '../support/redis-server.js';
import { createTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';

const USER = 'ada';

let raw: Redis;
let rows: SessionRows;
let place: RedisPlace;
beforeAll(async () => {
  raw = new Redis(inject('redisUrl'));
  rows = await sessionRows(await createTestDatabase());
});
afterAll(async () => {
  raw.disconnect();
  await rows.close();
});
beforeEach(() => {
  place = durablePlace(raw, { url: inject('redisUrl') }, rows);
});
afterEach(() => place.close());

/** A process whose statements can be held. */
function slowProcess(): { sessions: SessionStore; gates: GatedExecutor } {
  const gates = gatedExecutor(rows.executor);
  const { sessions } = place.openProcess({ executor: gates.executor, touchIntervalSeconds: 0 });
  return { sessions, gates };
}

const create = async (sessions: SessionStore, data: unknown = { cart: 1 }) =>
  (await sessions.create({ userId: USER, data }))._unsafeUnwrap();
const get = async (sessions: SessionStore, token: string) => (await sessions.get(token))._unsafeUnwrap();
const flush = () => raw.del(place.keyOf(USER));
const idsInRedis = async () =>
  (await raw.hkeys(place.keyOf(USER))).filter((id) => id.length === SESSION_ID_LENGTH);
const idsInRows = async () =>
  (await rows.query('select id from macro_store_sessions order by id')).map(({ id }) => id);

/** Whether a session of the database waits for a lock of another. */
const isAnyoneWaiting = async () =>
  (
    await rows.query(
      `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    )
  ).length > 0;

describe('a flush of Redis', () => {
  it('ends no session: each is restored by its next use', async () => {
    const sessions = place.open();
    const { token, session } = await create(sessions, { at: new Date(0) });
    await flush();
    expect(await get(sessions, token)).toStrictEqual(session);
    expect(await idsInRedis()).toEqual([session.id]);
    await flush();
    expect((await sessions.touch(token)).isOk()).toBe(true);
    expect(await idsInRedis()).toEqual([session.id]);
    expect(await raw.pttl(place.keyOf(USER))).toBeGreaterThan(0);
    expect(await raw.pttl(place.keyOf(USER))).toBeLessThanOrEqual(600_000);
    await flush();
    expect((await sessions.list(USER))._unsafeUnwrap()).toHaveLength(1);
    expect((await sessions.update(token, { data: 2, version: 1 }))._unsafeUnwrap().version).toBe(2);
    expect((await sessions.revokeAll(USER))._unsafeUnwrap()).toBe(1);
    expect(await get(sessions, token)).toBeNull();
  });

  it('brings no revoked, replaced or expired token back', async () => {
    const sessions = place.open();
    const [revoked, replaced, expired] = [
      await create(sessions),
      await create(sessions),
      await create(sessions),
    ];
    await sessions.revoke(revoked?.token ?? '');
    const rotated = (await sessions.rotate(replaced?.token ?? ''))._unsafeUnwrap();
    await flush();
    expect(await get(sessions, revoked?.token ?? '')).toBeNull();
    expect(await get(sessions, replaced?.token ?? '')).toBeNull();
    expect(await get(sessions, rotated.token)).not.toBeNull();
    await place.elapse(USER, 600_001);
    await flush();
    expect(await get(sessions, expired?.token ?? '')).toBeNull();
  });

  it('does not forget how long a session was used', async () => {
    const sessions = place.open();
    const { token } = await create(sessions);
    for (let count = 0; count < 3; count += 1) {
      await place.elapse(USER, 400_000);
      expect(await get(sessions, token)).not.toBeNull();
      // The note of it is written behind the answer.
      await sessions.list(USER);
    }
    await flush();
    expect(await get(sessions, token)).not.toBeNull();
  });
});

describe('a session that is being restored', () => {
  type Change = (sessions: SessionStore, token: string) => ResultAsync<unknown, unknown>;
  const endings: readonly (readonly [string, Change])[] = [
    ['revoke', (sessions, token) => sessions.revoke(token)],
    ['revokeAll', (sessions) => sessions.revokeAll(USER)],
    ['rotate', (sessions, token) => sessions.rotate(token)],
  ];

  it.each(endings)('is not put back by who read it before a %s', async (_, end) => {
    const slow = slowProcess();
    const fast = place.open();
    const { token } = await create(fast);
    await flush();
    const reading = slow.gates.hold('sessions.get', 'after');
    const late = slow.sessions.get(token, { touch: false });
    await reading.reached;
    expect((await end(fast, token)).isOk()).toBe(true);
    reading.release();
    // It was read while it was one.
    expect((await late)._unsafeUnwrap()).not.toBeNull();
    expect(await get(fast, token)).toBeNull();
    expect(await get(slow.sessions, token)).toBeNull();
  });

  it.each(endings)('is not put back though a flush came into a %s', async (_, end) => {
    const ender = slowProcess();
    const reader = slowProcess();
    const { token } = await create(ender.sessions);
    const statement = `sessions.${_}`;
    const deleting = ender.gates.hold(statement, 'before');
    const ending = end(ender.sessions, token);
    await deleting.reached;
    // What kept others from restoring is gone.
    await flush();
    const reading = reader.gates.hold('sessions.get', 'after');
    const late = reader.sessions.get(token, { touch: false });
    await reading.reached;
    const deleted = ender.gates.hold(statement, 'after');
    deleting.release();
    await deleted.reached;
    // The restored session is in Redis before the end of the change.
    reading.release();
    await late;
    deleted.release();
    expect((await ending).isOk()).toBe(true);
    expect(await get(reader.sessions, token)).toBeNull();
  });

  it.each(endings)('is not put back after the end of a %s into which a flush came', async (_, end) => {
    const ender = slowProcess();
    const reader = slowProcess();
    const { token } = await create(ender.sessions);
    const deleting = ender.gates.hold(`sessions.${_}`, 'before');
    const ending = end(ender.sessions, token);
    await deleting.reached;
    await flush();
    const reading = reader.gates.hold('sessions.get', 'after');
    const late = reader.sessions.get(token, { touch: false });
    await reading.reached;
    deleting.release();
    expect((await ending).isOk()).toBe(true);
    reading.release();
    await late;
    expect(await get(reader.sessions, token)).toBeNull();
  });

  it('has the data of the last update, whoever read it before', async () => {
    const slow = slowProcess();
    const fast = place.open();
    const { token } = await create(fast, 'old');
    await flush();
    const reading = slow.gates.hold('sessions.get', 'after');
    const late = slow.sessions.get(token, { touch: false });
    await reading.reached;
    expect((await fast.update(token, { data: 'new', version: 1 })).isOk()).toBe(true);
    reading.release();
    await late;
    expect(await get(fast, token)).toMatchObject({ data: 'new', version: 2 });
    expect(await get(slow.sessions, token)).toMatchObject({ data: 'new', version: 2 });
  });

  it('is restored by one of two readers, and given to both', async () => {
    const slow = slowProcess();
    const fast = place.open();
    const { token, session } = await create(fast);
    await flush();
    const reading = slow.gates.hold('sessions.get', 'after');
    const late = slow.sessions.get(token, { touch: false });
    await reading.reached;
    expect(await get(fast, token)).toMatchObject({ id: session.id });
    expect(await idsInRedis()).toEqual([]);
    reading.release();
    expect((await late)._unsafeUnwrap()).toMatchObject({ id: session.id });
    expect(await idsInRedis()).toEqual([session.id]);
  });
});

describe('changes at the same time', () => {
  it('leave no session in Redis that a revoke ended while an update was under way', async () => {
    const slow = slowProcess();
    const fast = place.open();
    const { token } = await create(fast);
    const updated = slow.gates.hold('sessions.update', 'after');
    const updating = slow.sessions.update(token, { data: 'late', version: 1 });
    await updated.reached;
    expect((await fast.revoke(token))._unsafeUnwrap()).toBe(true);
    updated.release();
    expect((await updating).isOk()).toBe(true);
    expect(await idsInRedis()).toEqual([]);
    expect(await get(fast, token)).toBeNull();
  });

  it('end a session that is being created, where revokeAll comes before it is stored', async () => {
    const slow = slowProcess();
    const fast = place.open();
    await create(fast);
    const inserting = slow.gates.hold('sessions.create', 'before');
    const creating = slow.sessions.create({ userId: USER, data: 1 });
    await inserting.reached;
    const ending = fast.revokeAll(USER);
    await until('it waits for the one that is under way', isAnyoneWaiting);
    inserting.release();
    const { token } = (await creating)._unsafeUnwrap();
    expect((await ending)._unsafeUnwrap()).toBe(2);
    expect(await get(fast, token)).toBeNull();
    expect(await get(slow.sessions, token)).toBeNull();
    expect(await idsInRows()).toEqual([]);
    expect(await idsInRedis()).toEqual([]);
  });

  it('refuse a sign-in whose revokeAll is not even over', async () => {
    const slow = slowProcess();
    const fast = place.open();
    await create(fast);
    const epoch = (await fast.epoch(USER))._unsafeUnwrap();
    const deleted = slow.gates.hold('sessions.revokeAll', 'after');
    const ending = slow.sessions.revokeAll(USER);
    await deleted.reached;
    const creating = fast.create({ userId: USER, data: 1, epoch });
    await until('the sign-in waits for it', isAnyoneWaiting);
    deleted.release();
    expect((await ending)._unsafeUnwrap()).toBe(1);
    expect((await creating)._unsafeUnwrapErr()).toMatchObject({ constraint: 'session-epoch' });
    expect(await idsInRows()).toEqual([]);
  });

  it('put no session into Redis that another change can still end', async () => {
    const slow = slowProcess();
    const fast = place.open();
    const { token } = await create(fast);
    const deleting = slow.gates.hold('sessions.revoke', 'before');
    const ending = slow.sessions.revoke(token);
    await deleting.reached;
    const other = await create(fast);
    expect((await fast.update(token, { data: 2, version: 1 })).isOk()).toBe(true);
    expect(await get(fast, token)).toMatchObject({ data: 2 });
    expect(await idsInRedis()).toEqual([]);
    deleting.release();
    expect((await ending)._unsafeUnwrap()).toBe(true);
    expect(await get(fast, token)).toBeNull();
    expect(await get(fast, other.token)).not.toBeNull();
  });
});

describe('a database that is out of reach', () => {
  it('leaves the sessions that Redis has, and fails every change', async () => {
    const { sessions, gates } = slowProcess();
    const { token } = await create(sessions);
    gates.failAll(true);
    expect(await get(sessions, token)).not.toBeNull();
    const changes = [
      sessions.create({ userId: USER, data: 1 }),
      sessions.list(USER),
      sessions.epoch(USER),
      sessions.update(token, { data: 2, version: 1 }),
      sessions.rotate(token),
      sessions.revoke(token),
      sessions.revokeAll(USER),
    ] as ResultAsync<unknown, { kind: string }>[];
    for (const change of changes) expect((await change)._unsafeUnwrapErr().kind).toBe('unavailable');
    // What could not be ended is not said to be ended, nor is anybody let in meanwhile.
    expect((await sessions.get(token))._unsafeUnwrapErr().kind).toBe('unavailable');
    gates.failAll(false);
    expect(await get(sessions, token)).toMatchObject({ data: { cart: 1 }, version: 1 });
    expect((await sessions.revoke(token))._unsafeUnwrap()).toBe(true);
    expect(await get(sessions, token)).toBeNull();
  });

  it('tells the session that was unused longest with the uses that are still to be noted', async () => {
    const gates = gatedExecutor(rows.executor);
    const options = { executor: gates.executor, touchIntervalSeconds: 0, maxPerUser: 2 };
    const { sessions } = place.openProcess(options);
    const first = await create(sessions);
    await place.elapse(USER, 61_000);
    const second = await create(sessions);
    await place.elapse(USER, 61_000);
    const note = gates.hold('sessions.noteSeen', 'before');
    await get(sessions, first.token);
    await note.reached;
    const creating = create(sessions);
    // As long as a statement that waits for nothing takes.
    await rows.query('select 1');
    note.release();
    await creating;
    expect(await get(sessions, second.token)).toBeNull();
    expect(await get(sessions, first.token)).not.toBeNull();
  });

  it('is told of when a use could not be noted', async () => {
    const gates = gatedExecutor(rows.executor);
    const process = place.openProcess({ executor: gates.executor, touchIntervalSeconds: 0 });
    const { token } = await create(process.sessions);
    gates.failAll(true);
    expect(await get(process.sessions, token)).not.toBeNull();
    await vi.waitFor(() =>
      expect(process.events).toEqual([{ type: 'sessions.use-not-noted', kind: 'unavailable' }]),
    );
  });
});

describe('a Redis that is out of reach', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedisServer();
  });
  afterAll(() => server.stop());

  it('leaves reads to PostgreSQL, and fails every change, and has nothing old when it is back', async () => {
    const redis = { url: server.url };
    const { sessions, link } = place.openProcess({ redis, commandTimeoutMillis: 250 });
    const [kept, ended] = [await create(sessions), await create(sessions)];
    server.stopProcess();
    expect(await get(sessions, kept.token)).toMatchObject({ id: kept.session.id });
    expect((await sessions.touch(kept.token)).isOk()).toBe(true);
    expect((await sessions.list(USER))._unsafeUnwrap()).toHaveLength(2);
    expect((await sessions.revoke(ended.token))._unsafeUnwrapErr().kind).toBe('unavailable');
    expect((await sessions.create({ userId: USER, data: 1 }))._unsafeUnwrapErr().kind).toBe('unavailable');
    expect(await get(sessions, ended.token)).not.toBeNull();
    server.continueProcess();
    await vi.waitFor(() => expect(link.isDown).toBe(false), { timeout: 15_000, interval: 5 });
    expect((await sessions.revoke(ended.token))._unsafeUnwrap()).toBe(true);
    expect(await get(sessions, ended.token)).toBeNull();
    expect(await get(sessions, kept.token)).not.toBeNull();
  });
});

describe('rows of sessions', () => {
  it('have no token, and go when they have expired', async () => {
    const sessions = place.open();
    const { token } = await create(sessions);
    const dump = JSON.stringify([
      await rows.query('select * from macro_store_sessions'),
      await rows.query('select * from macro_store_session_users'),
    ]);
    expect(dump).not.toContain(token.split('.')[2]);
    await place.elapse(USER, 600_001);
    expect(await idsInRows()).toHaveLength(1);
    const other = (await sessions.create({ userId: 'eve', data: 1 }))._unsafeUnwrap();
    expect(await idsInRows()).toEqual([other.session.id]);
  });
});
