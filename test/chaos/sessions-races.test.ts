import { inspect } from 'node:util';
import { Redis } from 'ioredis';
import type { ResultAsync } from 'neverthrow';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { isStoreError } from '../../src/errors.js';
import type { SessionStore } from '../../src/sessions/session-store.js';
import { type RedisPlace, redisPlace } from '../contract/sessions-kit.js';
import { seededRandom } from '../support/seeded-random.js';
import type { SessionWorkerInput, SessionWorkerOutput } from '../support/session-worker.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { buildWorker, startTogether } from '../support/worker-process.js';

const USER = 'ada@example.org';

let raw: Redis;
let place: RedisPlace;
let endings: (() => unknown)[];

beforeAll(() => {
  raw = new Redis(inject('redisUrl'));
});
afterAll(() => raw.disconnect());
beforeEach(() => {
  endings = [];
  place = redisPlace(raw, { url: inject('redisUrl') });
});
afterEach(async () => {
  await place.close();
  for (const end of endings) await end();
});

/** A process whose commands wait on the wire while it is stalled. */
async function slowProcess(): Promise<{ sessions: SessionStore; wire: TcpProxy }> {
  const wire = await startTcpProxy(Number(new URL(inject('redisUrl')).port));
  endings.push(() => wire.close());
  const redis = { url: `redis://127.0.0.1:${wire.port}` };
  const { sessions } = place.openProcess({ redis, commandTimeoutMillis: 20_000, touchIntervalSeconds: 0 });
  await sessions.list(USER);
  return { sessions, wire };
}

/** Sends calls, holds them on their way to Redis until the others are done, then lets them arrive. */
async function overtaken<T, E>(
  { sessions, wire }: { sessions: SessionStore; wire: TcpProxy },
  call: (sessions: SessionStore) => ResultAsync<T, E>,
  meanwhile: () => Promise<unknown>,
) {
  wire.stall();
  const called = call(sessions);
  await meanwhile();
  wire.resume();
  return called;
}

const create = async (sessions: SessionStore, data: unknown = { cart: 1 }) =>
  (await sessions.create({ userId: USER, data }))._unsafeUnwrap();
const get = async (sessions: SessionStore, token: string) => (await sessions.get(token))._unsafeUnwrap();
const keysLeft = async () => (await raw.keys(`${place.keyPrefix}*`)).length;

describe('a slow request whose session is revoked meanwhile', () => {
  type Call = (token: string) => (sessions: SessionStore) => ResultAsync<unknown, unknown>;
  const slowCalls: readonly (readonly [string, Call])[] = [
    [
      'update',
      (token: string) => (sessions: SessionStore) => sessions.update(token, { data: 2, version: 1 }),
    ],
    ['touch', (token: string) => (sessions: SessionStore) => sessions.touch(token)],
    ['rotate', (token: string) => (sessions: SessionStore) => sessions.rotate(token)],
  ];
  const endingsOf = [
    ['revoke', (sessions: SessionStore, token: string) => sessions.revoke(token)],
    ['revokeAll', (sessions: SessionStore) => sessions.revokeAll(USER)],
    ['flush', () => raw.del(place.keyOf(USER))],
  ] as const;
  const cases = slowCalls.flatMap(([call, make]) =>
    endingsOf.map(([end, run]) => ({ call, make, end, run })),
  );

  it.each(cases)('does not bring it back by $call after $end', async ({ make, run }) => {
    const slow = await slowProcess();
    const fast = place.open();
    const { token } = await create(fast);
    const late = await overtaken(slow, make(token), async () => run(fast, token));
    expect(late._unsafeUnwrapErr()).toMatchObject({ kind: 'not-found' });
    expect(await get(fast, token)).toBeNull();
    expect((await fast.list(USER))._unsafeUnwrap()).toEqual([]);
    expect(await keysLeft()).toBe(0);
  });

  it('does not bring it back by a get that touches', async () => {
    const slow = await slowProcess();
    const fast = place.open();
    const { token } = await create(fast);
    const late = await overtaken(
      slow,
      (sessions) => sessions.get(token),
      async () => fast.revoke(token),
    );
    expect(late._unsafeUnwrap()).toBeNull();
    expect(await keysLeft()).toBe(0);
  });

  it('loses its write to the newer one, and ends nothing of it', async () => {
    const slow = await slowProcess();
    const fast = place.open();
    const { token } = await create(fast);
    const late = await overtaken(
      slow,
      (sessions) => sessions.update(token, { data: 'slow', version: 1 }),
      async () => fast.update(token, { data: 'fast', version: 1 }),
    );
    expect(late._unsafeUnwrapErr()).toMatchObject({ kind: 'conflict', constraint: 'session-version' });
    expect(await get(fast, token)).toMatchObject({ data: 'fast', version: 2 });
  });

  it('holds a token that a rotate has replaced for none, though its session goes on', async () => {
    const slow = await slowProcess();
    const fast = place.open();
    const { token } = await create(fast);
    let rotated = '';
    const late = await overtaken(
      slow,
      (sessions) => sessions.update(token, { data: 'slow', version: 1 }),
      async () => {
        rotated = (await fast.rotate(token))._unsafeUnwrap().token;
      },
    );
    expect(late._unsafeUnwrapErr()).toMatchObject({ kind: 'not-found' });
    expect(await get(fast, rotated)).toMatchObject({ data: { cart: 1 } });
  });
});

describe('rotates at the same time', () => {
  it('leave exactly one valid token, whichever process asked', async () => {
    const processes = await Promise.all(Array.from({ length: 4 }, slowProcess));
    const fast = place.open();
    const { token } = await create(fast);
    for (const { wire } of processes) wire.stall();
    const rotates = processes.flatMap(({ sessions }) =>
      Array.from({ length: 5 }, () => sessions.rotate(token)),
    );
    for (const { wire } of processes) wire.resume();
    const results = await Promise.all(rotates);
    const tokens = results.flatMap((result) => (result.isOk() ? [result.value.token] : []));
    expect(tokens).toHaveLength(1);
    expect(await get(fast, tokens[0] ?? '')).not.toBeNull();
    expect(await get(fast, token)).toBeNull();
    expect((await fast.list(USER))._unsafeUnwrap()).toHaveLength(1);
  });
});

describe('revokeAll', () => {
  it('ends a session that is being created, where the sign-in began before it', async () => {
    const slow = await slowProcess();
    const fast = place.open();
    await create(fast);
    const epoch = (await slow.sessions.epoch(USER))._unsafeUnwrap();
    const late = await overtaken(
      slow,
      (sessions) => sessions.create({ userId: USER, data: 1, epoch }),
      async () => fast.revokeAll(USER),
    );
    expect(late._unsafeUnwrapErr()).toMatchObject({ kind: 'conflict', constraint: 'session-epoch' });
    expect(await keysLeft()).toBe(0);
  });

  it('ends a session that Redis has begun and whose creator does not know yet', async () => {
    const slow = await slowProcess();
    const fast = place.open();
    // The answer alone is late.
    slow.wire.delay(300);
    const creating = create(slow.sessions);
    await expect.poll(async () => (await fast.list(USER))._unsafeUnwrap()).toHaveLength(1);
    expect((await fast.revokeAll(USER))._unsafeUnwrap()).toBe(1);
    const { token } = await creating;
    expect(await get(fast, token)).toBeNull();
  });

  it('leaves none of 200 sign-ins of 4 processes that began before it', async () => {
    const processes = Array.from({ length: 4 }, () => place.open({ maxPerUser: 1_000 }));
    const [first] = processes as [SessionStore];
    const begun = await Promise.all(
      processes.flatMap((sessions) =>
        Array.from({ length: 50 }, async () => ({
          sessions,
          epoch: (await sessions.epoch(USER))._unsafeUnwrap(),
        })),
      ),
    );
    const ended = new Promise((resolve) => setTimeout(resolve, 25)).then(() => first.revokeAll(USER));
    const signIns = begun.map(async ({ sessions, epoch }, index) => {
      // As long as it takes to check a password, to each its own.
      await new Promise((resolve) => setTimeout(resolve, index / 4));
      return sessions.create({ userId: USER, data: 1, epoch });
    });
    await ended;
    const results = await Promise.all(signIns);
    const tokens = results.flatMap((result) => (result.isOk() ? [result.value.token] : []));
    for (const token of tokens) expect(await get(first, token)).toBeNull();
    for (const result of results) if (result.isErr()) expect(result.error.kind).toBe('conflict');
    expect(await keysLeft()).toBe(0);
  });

  it('is one command for 50 sessions', async () => {
    const sessions = place.open();
    for (let count = 0; count < 50; count += 1) await create(sessions);
    const monitor = await new Redis(inject('redisUrl')).monitor();
    endings.push(() => monitor.disconnect());
    const seen: string[] = [];
    monitor.on('monitor', (_time, args: string[], source: string) => {
      if (source !== 'lua' && args.some((arg) => arg.includes(place.keyPrefix))) seen.push(args[0] ?? '');
    });
    expect((await sessions.revokeAll(USER))._unsafeUnwrap()).toBe(50);
    await raw.get(`${place.keyPrefix}end`);
    await expect.poll(() => seen.at(-1)).toBe('get');
    expect(seen.filter((name) => name !== 'get').length).toBeLessThanOrEqual(2);
    expect(seen[0]).toBe('evalsha');
  });
});

describe('processes whose clocks differ', () => {
  it('agree on which of 400 sign-ins at once are sessions, and when they end', async () => {
    const worker = await buildWorker<SessionWorkerInput, SessionWorkerOutput>('session-worker.ts');
    endings.push(() => worker.remove());
    const shared = { redisUrl: inject('redisUrl'), keyPrefix: place.keyPrefix, userId: USER, idleSeconds: 9 };
    const skews = [-5_000, 0, 5_000, 2_500];
    const run = (input: Pick<SessionWorkerInput, 'logins' | 'tokens'>) => {
      const left = [...skews];
      return startTogether(skews.length, () =>
        worker.start({ ...shared, ...input, skewMs: left.pop() ?? 0 }),
      );
    };

    const signedIn = await run({ logins: 100, tokens: [] });
    const tokens = signedIn.flatMap((output) => output?.tokens ?? []);
    expect(new Set(tokens)).toHaveLength(400);
    await place.elapse(USER, -60_000);
    const listed = (await place.open({ maxPerUser: 1_000 }).list(USER))._unsafeUnwrap();
    expect(listed.map(({ id }) => id).sort()).toEqual(signedIn.flatMap((output) => output?.ids ?? []).sort());

    // More than the idle time of 9 s apart, each of them: nobody goes by a clock of its own.
    const sample = tokens.slice(0, 10);
    for (const output of await run({ logins: 0, tokens: sample })) {
      expect(output).toMatchObject({ listed: 400, found: sample.map(() => true) });
    }
    await place.elapse(USER, 70_000);
    for (const output of await run({ logins: 0, tokens: sample })) {
      expect(output).toMatchObject({ listed: 0, found: sample.map(() => false) });
    }
  });
});

describe('what is kept in Redis', () => {
  it('has a time to live, whatever was done to it, and ends with the last session', async () => {
    const sessions = place.open({ touchIntervalSeconds: 0 });
    const random = seededRandom(7);
    const pick = <T>(items: readonly T[]) => items[Math.floor(random() * items.length)];
    const users = ['ada', 'bob', 'cem'];
    let tokens: string[] = [];
    for (let step = 0; step < 400; step += 1) {
      const userId = pick(users) ?? 'ada';
      const token = pick(tokens) ?? '';
      const idleSeconds = 1 + Math.floor(random() * 600);
      const action = pick(['create', 'create', 'get', 'touch', 'rotate', 'update', 'revoke', 'all', 'epoch']);
      if (action === 'create') {
        const created = await sessions.create({ userId, data: step, idleSeconds });
        tokens.push(created._unsafeUnwrap().token);
      }
      if (action === 'get') await sessions.get(token);
      if (action === 'touch') await sessions.touch(token);
      if (action === 'update') await sessions.update(token, { data: step, version: 1 });
      if (action === 'revoke') await sessions.revoke(token);
      if (action === 'epoch') await sessions.epoch(userId);
      if (action === 'all' && random() < 0.2) await sessions.revokeAll(userId);
      if (action === 'rotate') {
        const rotated = await sessions.rotate(token);
        if (rotated.isOk()) tokens = [...tokens, rotated.value.token];
      }
      for (const key of await raw.keys(`${place.keyPrefix}*`)) {
        const leftMs = await raw.pttl(key);
        expect(leftMs).toBeGreaterThan(0);
        expect(leftMs).toBeLessThanOrEqual(3_600_000);
      }
    }
    await create(sessions);
    await place.elapse(USER, 600_001);
    expect(await raw.exists(place.keyOf(USER))).toBe(0);
  });

  it('goes on until the longest of the sessions ends', async () => {
    const sessions = place.open();
    await sessions.create({ userId: USER, data: 1, idleSeconds: 500 });
    await sessions.create({ userId: USER, data: 2, idleSeconds: 5 });
    expect(await raw.pttl(place.keyOf(USER))).toBeGreaterThan(400_000);
  });

  it('says neither tokens nor users, and no error or log does either', async () => {
    const { sessions, events } = place.openProcess();
    const said: unknown[] = [];
    const secrets: string[] = [];
    const { token } = await create(sessions);
    const rotated = (await sessions.rotate(token))._unsafeUnwrap().token;
    secrets.push(...[token, rotated].map((one) => one.split('.')[2] ?? ''), USER);
    for (const call of [
      sessions.rotate(token),
      sessions.touch(token),
      sessions.update(token, { data: 1, version: 1 }),
      sessions.update(rotated, { data: 1, version: 1 }),
      sessions.revokeAll('eve', { except: rotated }),
      sessions.create({ userId: USER, data: () => token }),
    ] as ResultAsync<unknown, unknown>[]) {
      const error = (await call)._unsafeUnwrapErr();
      expect(isStoreError(error)).toBe(true);
      said.push(inspect(error, { depth: 10, showHidden: true }), JSON.stringify(error));
    }
    said.push(inspect(events, { depth: 10 }));
    const keys = await raw.keys(`${place.keyPrefix}*`);
    expect(keys).toHaveLength(1);
    said.push(...keys);
    for (const secret of secrets) expect(said.join('\n')).not.toContain(secret);

    for (const key of keys) {
      const values = JSON.stringify(await raw.hgetall(key));
      for (const secret of secrets.filter((one) => one !== USER)) expect(values).not.toContain(secret);
    }
  });

  it('makes no session of what is not one', async () => {
    const sessions = place.open();
    const { token, session } = await create(sessions);
    const key = place.keyOf(USER);
    const text = (await raw.hget(key, session.id)) ?? '';
    await raw.hset(key, session.id, `${text.split('\n')[0]}\nnot a payload`);
    expect(await get(sessions, token)).toBeNull();
    await raw.hset(key, session.id, 'not a record');
    expect(await get(sessions, token)).toBeNull();
    expect((await sessions.rotate(token))._unsafeUnwrapErr().kind).toBe('not-found');
    expect((await sessions.list(USER))._unsafeUnwrap()).toEqual([]);
    await raw.del(key);
    await raw.set(key, 'of another kind', 'PX', 60_000);
    expect((await sessions.get(token))._unsafeUnwrapErr().kind).toBe('unavailable');
  });
});
