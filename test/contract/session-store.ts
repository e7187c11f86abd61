import type { ResultAsync } from 'neverthrow';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { unredactedCauseOf } from '../../src/errors.js';
import type { SessionStore } from '../../src/sessions/session-store.js';
import type { SessionPlace, SessionSettings } from './sessions-kit.js';

const USER = 'ada@example.org';
const MINUTE_MS = 60_000;

/** What every session store must do, wherever its sessions are. `make` gives an empty place per call. */
export function sessionStoreContract(name: string, make: () => Promise<SessionPlace>): void {
  let place: SessionPlace;
  beforeEach(async () => {
    place = await make();
  });
  afterEach(() => place.close());

  const open = (settings?: SessionSettings) => place.open(settings);
  const create = async (sessions: SessionStore, userId = USER, data: unknown = { cart: 1 }) =>
    (await sessions.create({ userId, data }))._unsafeUnwrap();
  const get = async (sessions: SessionStore, token: string) => (await sessions.get(token))._unsafeUnwrap();
  const idsOf = async (sessions: SessionStore, userId = USER) =>
    (await sessions.list(userId))._unsafeUnwrap().map(({ id }) => id);

  describe(`${name}: create and get`, () => {
    it('gives the session back by its token, with what it was given', async () => {
      const sessions = open();
      const data = { at: new Date(0), roles: new Set(['admin']), size: 2n ** 70n, text: 'ü\u0000😀' };
      const device = { ip: '2001:db8::1', userAgent: 'Browser/1' };
      const { token, session } = (await sessions.create({ userId: USER, data, device }))._unsafeUnwrap();
      expect(session).toMatchObject({ userId: USER, version: 1, ...device });
      expect(session.data).toStrictEqual(data);
      expect(session.createdAt).toStrictEqual(session.lastSeenAt);
      expect(session.expiresAt.getTime() - session.createdAt.getTime()).toBe(600_000);
      expect(await get(sessions, token)).toStrictEqual(session);
    });

    it('makes tokens of 256 random bits that fit a cookie', async () => {
      const sessions = open();
      const tokens = [await create(sessions), await create(sessions)].map(({ token }) => token);
      expect(new Set(tokens.map((token) => token.split('.').at(-1)))).toHaveLength(2);
      for (const token of tokens) expect(token).toMatch(/^[\w-]{22}\.[\w-]{16}\.[\w-]{43}$/);
    });

    it('gives every caller data of its own', async () => {
      const sessions = open();
      const { token, session } = await create(sessions, USER, { list: [1] });
      (session.data as { list: number[] }).list.push(2);
      const read = (await get(sessions, token))?.data as { list: number[] } | undefined;
      read?.list.push(3);
      expect((await get(sessions, token))?.data).toEqual({ list: [1] });
    });

    it('cuts what a device says of itself to size', async () => {
      const sessions = open();
      const device = { ip: 'x'.repeat(10_000), userAgent: `\u0000\ud800${'y'.repeat(10_000)}` };
      const { session } = (await sessions.create({ userId: USER, data: 0, device }))._unsafeUnwrap();
      expect(session.ip).toBe('x'.repeat(64));
      expect(session.userAgent).toBe(`\ufffd\ufffd${'y'.repeat(510)}`);
    });

    it.each(['', 'x', 'ada', '😀', ' ', '__proto__', 'a'.repeat(83)])(
      'takes %j for a token of no session',
      async (token) => {
        const sessions = open();
        await create(sessions);
        expect(await get(sessions, token)).toBeNull();
        expect((await sessions.touch(token))._unsafeUnwrapErr()).toMatchObject({
          kind: 'not-found',
          entity: 'session',
        });
        expect((await sessions.rotate(token))._unsafeUnwrapErr().kind).toBe('not-found');
        const change = { data: 1, version: 1 };
        expect((await sessions.update(token, change))._unsafeUnwrapErr().kind).toBe('not-found');
        expect((await sessions.revoke(token))._unsafeUnwrap()).toBe(false);
        expect(await idsOf(sessions)).toHaveLength(1);
      },
    );

    it('takes a token with one character changed, cut or added for that of no session', async () => {
      const sessions = open();
      const { token, session } = await create(sessions);
      const swap = (at: number) => token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
      const forged = [
        swap(0),
        swap(25),
        swap(45),
        token.slice(0, -1),
        `${token}A`,
        `${token}\n`,
        ` ${token}`,
      ];
      for (const one of forged) {
        expect(await get(sessions, one)).toBeNull();
        expect((await sessions.rotate(one))._unsafeUnwrapErr().kind).toBe('not-found');
        expect((await sessions.update(one, { data: 1, version: 1 })).isErr()).toBe(true);
        expect((await sessions.revoke(one))._unsafeUnwrap()).toBe(false);
      }
      expect(await get(sessions, token)).toStrictEqual(session);
    });

    it.each([undefined, null, 42, {}, ['x']])('refuses %j as a token and changes nothing', async (token) => {
      const sessions = open();
      await create(sessions);
      const bad = token as unknown as string;
      const calls = [
        sessions.get(bad),
        sessions.touch(bad),
        sessions.rotate(bad),
        sessions.update(bad, { data: 1, version: 1 }),
        sessions.revoke(bad),
      ];
      for (const call of calls) expect((await call)._unsafeUnwrapErr().kind).toBe('invalid-input');
      expect(await idsOf(sessions)).toHaveLength(1);
    });

    const bigData = { text: 'x'.repeat(1024 * 1024) };
    it.each([
      ['userId', { userId: '', data: 1 }],
      ['userId', { userId: 'x'.repeat(256), data: 1 }],
      ['userId', { userId: 'a\ud800', data: 1 }],
      ['userId', { userId: 7, data: 1 }],
      ['data', { userId: USER, data: bigData }],
      ['data', { userId: USER, data: () => 1 }],
      ['data', { userId: USER }],
      ['idleSeconds', { userId: USER, data: 1, idleSeconds: NaN }],
      ['idleSeconds', { userId: USER, data: 1, idleSeconds: 0 }],
      ['idleSeconds', { userId: USER, data: 1, idleSeconds: 20, lifetimeSeconds: 10 }],
      ['lifetimeSeconds', { userId: USER, data: 1, lifetimeSeconds: NaN }],
      ['lifetimeSeconds', { userId: USER, data: 1, lifetimeSeconds: -1 }],
      ['lifetimeSeconds', { userId: USER, data: 1, lifetimeSeconds: Infinity }],
      ['lifetimeSeconds', { userId: USER, data: 1, lifetimeSeconds: 401 * 24 * 3600 }],
      ['epoch', { userId: USER, data: 1, epoch: '' }],
      ['device.ip', { userId: USER, data: 1, device: { ip: 4 } }],
      ['role', { userId: USER, data: 1, role: 'admin' }],
    ])('refuses a bad %s and creates nothing', async (path, session) => {
      const sessions = open();
      const refused = await sessions.create(session as { userId: string; data: unknown });
      expect(refused._unsafeUnwrapErr()).toMatchObject({ kind: 'invalid-input', issues: [{ path }] });
      expect(await idsOf(sessions)).toEqual([]);
    });

    it('refuses empty user ids everywhere', async () => {
      const sessions = open();
      const calls = [
        sessions.list(''),
        sessions.revokeAll(''),
        sessions.epoch(''),
        sessions.revoke({ userId: '', id: 'x' }),
      ];
      for (const call of calls) {
        expect((await call)._unsafeUnwrapErr()).toMatchObject({
          kind: 'invalid-input',
          issues: [{ path: 'userId' }],
        });
      }
    });
  });

  describe(`${name}: ends of a session`, () => {
    it('ends it after its idle time', async () => {
      const sessions = open();
      const { token } = await create(sessions);
      await place.elapse(USER, 600_000 - 5_000);
      expect((await sessions.get(token, { touch: false }))._unsafeUnwrap()).not.toBeNull();
      await place.elapse(USER, 5_001);
      expect(await get(sessions, token)).toBeNull();
      expect(await idsOf(sessions)).toEqual([]);
    });

    it('keeps it while it is used, but not beyond its lifetime', async () => {
      const sessions = open();
      const { token } = await create(sessions);
      for (let minute = 5; minute < 60; minute += 5) {
        await place.elapse(USER, 5 * MINUTE_MS);
        expect(await get(sessions, token)).not.toBeNull();
      }
      await place.elapse(USER, 5 * MINUTE_MS);
      expect(await get(sessions, token)).toBeNull();
    });

    it('takes other times of life for one session', async () => {
      const sessions = open();
      const short = { userId: USER, data: 1, idleSeconds: 60, lifetimeSeconds: 120 };
      const { token } = (await sessions.create(short))._unsafeUnwrap();
      await place.elapse(USER, 59_000);
      expect((await sessions.touch(token)).isOk()).toBe(true);
      await place.elapse(USER, 60_001);
      expect(await get(sessions, token)).toBeNull();
    });

    it('lets an ended session be changed by nothing', async () => {
      const sessions = open();
      const { token } = await create(sessions);
      await place.elapse(USER, 600_001);
      expect((await sessions.touch(token))._unsafeUnwrapErr().kind).toBe('not-found');
      expect((await sessions.rotate(token))._unsafeUnwrapErr().kind).toBe('not-found');
      expect((await sessions.update(token, { data: 2, version: 1 }))._unsafeUnwrapErr().kind).toBe(
        'not-found',
      );
      expect((await sessions.revoke(token))._unsafeUnwrap()).toBe(false);
      expect(await get(sessions, token)).toBeNull();
    });
  });

  describe(`${name}: touch`, () => {
    it('is done by get, at most once in an interval', async () => {
      const sessions = open();
      const { token, session } = await create(sessions);
      await place.elapse(USER, 50_000);
      const before = await get(sessions, token);
      const idle = (one: typeof before) => (one?.expiresAt.getTime() ?? 0) - (one?.lastSeenAt.getTime() ?? 0);
      expect(idle(before)).toBe(600_000);
      expect((before?.lastSeenAt.getTime() ?? 0) - (before?.createdAt.getTime() ?? 0)).toBe(0);
      await place.elapse(USER, 10_000);
      const after = await get(sessions, token);
      expect((after?.lastSeenAt.getTime() ?? 0) - (after?.createdAt.getTime() ?? 0)).toBeGreaterThanOrEqual(
        60_000,
      );
      expect(idle(after)).toBe(600_000);
      expect(after?.version).toBe(session.version);
    });

    it('gives the new end of the session', async () => {
      const sessions = open({ touchIntervalSeconds: 0 });
      const { token } = await create(sessions);
      await place.elapse(USER, 120_000);
      const before = (await sessions.get(token, { touch: false }))._unsafeUnwrap();
      const expiresAt = (await sessions.touch(token))._unsafeUnwrap();
      expect(expiresAt.getTime()).toBeGreaterThanOrEqual((before?.expiresAt.getTime() ?? 0) + 120_000);
      expect((await sessions.get(token, { touch: false }))._unsafeUnwrap()?.expiresAt).toStrictEqual(
        expiresAt,
      );
    });
  });

  describe(`${name}: update`, () => {
    it('replaces the data of the version that was read', async () => {
      const sessions = open();
      const { token, session } = await create(sessions);
      const updated = (
        await sessions.update(token, { data: { cart: 2 }, version: session.version })
      )._unsafeUnwrap();
      expect(updated).toMatchObject({ data: { cart: 2 }, version: 2, id: session.id });
      expect(await get(sessions, token)).toStrictEqual(updated);
    });

    it('lets one of many that read the same version win', async () => {
      const sessions = open();
      const { token } = await create(sessions);
      const writes = Array.from({ length: 20 }, (_, cart) =>
        sessions.update(token, { data: { cart }, version: 1 }),
      );
      const results = await Promise.all(writes);
      const winners = results.filter((result) => result.isOk());
      expect(winners).toHaveLength(1);
      for (const result of results) {
        if (result.isErr())
          expect(result.error).toMatchObject({ kind: 'conflict', constraint: 'session-version' });
      }
      expect((await get(sessions, token))?.data).toEqual(winners[0]?._unsafeUnwrap().data);
    });

    it.each([0, -1, 1.5, NaN, '1', undefined])('refuses the version %j', async (version) => {
      const sessions = open();
      const { token, session } = await create(sessions);
      const refused = await sessions.update(token, { data: 2, version: version as number });
      expect(refused._unsafeUnwrapErr()).toMatchObject({
        kind: 'invalid-input',
        issues: [{ path: 'version' }],
      });
      expect(await get(sessions, token)).toStrictEqual(session);
    });

    it('refuses data that is too large and keeps the old', async () => {
      const sessions = open();
      const { token, session } = await create(sessions);
      const refused = await sessions.update(token, { data: 'x'.repeat(64 * 1024), version: 1 });
      expect(refused._unsafeUnwrapErr()).toMatchObject({ kind: 'invalid-input', issues: [{ path: 'data' }] });
      expect(await get(sessions, token)).toStrictEqual(session);
    });
  });

  describe(`${name}: rotate`, () => {
    it('gives the same session a new token and ends the old one', async () => {
      const sessions = open();
      const { token, session } = await create(sessions);
      const rotated = (await sessions.rotate(token))._unsafeUnwrap();
      expect(rotated.token).not.toBe(token);
      expect(rotated.session).toMatchObject({ id: session.id, data: session.data, version: 2 });
      expect(await get(sessions, token)).toBeNull();
      expect(await get(sessions, rotated.token)).toMatchObject({ id: session.id });
      expect(await idsOf(sessions)).toEqual([session.id]);
    });

    it('has one winner of many', async () => {
      const sessions = open();
      const { token } = await create(sessions);
      const results = await Promise.all(Array.from({ length: 20 }, () => sessions.rotate(token)));
      const winners = results.filter((result) => result.isOk());
      expect(winners).toHaveLength(1);
      expect(await get(sessions, winners[0]?._unsafeUnwrap().token ?? '')).not.toBeNull();
    });

    it('does not lengthen the lifetime', async () => {
      const sessions = open({ idleSeconds: 3600 });
      const { token } = await create(sessions);
      await place.elapse(USER, 3_000_000);
      const rotated = (await sessions.rotate(token))._unsafeUnwrap();
      await place.elapse(USER, 600_001);
      expect(await get(sessions, rotated.token)).toBeNull();
    });
  });

  describe(`${name}: revoke, list and revokeAll`, () => {
    it('ends one session for good', async () => {
      const sessions = open();
      const [mine, other] = [await create(sessions), await create(sessions)];
      expect((await sessions.revoke(mine.token))._unsafeUnwrap()).toBe(true);
      expect((await sessions.revoke(mine.token))._unsafeUnwrap()).toBe(false);
      expect(await get(sessions, mine.token)).toBeNull();
      expect((await sessions.update(mine.token, { data: 1, version: 1 }))._unsafeUnwrapErr().kind).toBe(
        'not-found',
      );
      expect((await sessions.touch(mine.token))._unsafeUnwrapErr().kind).toBe('not-found');
      expect((await sessions.rotate(mine.token))._unsafeUnwrapErr().kind).toBe('not-found');
      expect(await get(sessions, mine.token)).toBeNull();
      expect(await get(sessions, other.token)).not.toBeNull();
      expect(await idsOf(sessions)).toEqual([other.session.id]);
    });

    it('ends a session by its name in the list, of this user only', async () => {
      const sessions = open();
      const { token, session } = await create(sessions);
      expect((await sessions.revoke({ userId: 'eve', id: session.id }))._unsafeUnwrap()).toBe(false);
      expect(await get(sessions, token)).not.toBeNull();
      expect((await sessions.revoke({ userId: USER, id: session.id }))._unsafeUnwrap()).toBe(true);
      expect(await get(sessions, token)).toBeNull();
    });

    it('does not take the epoch or a token for the name of a session', async () => {
      const sessions = open();
      const { token } = await create(sessions);
      await sessions.epoch(USER);
      for (const id of ['epoch', '', token.slice(0, 60)]) {
        expect((await sessions.revoke({ userId: USER, id }))._unsafeUnwrap()).toBe(false);
      }
      expect(await get(sessions, token)).not.toBeNull();
    });

    it('lists sessions by their last use, without tokens and data', async () => {
      const sessions = open();
      const device = { ip: '192.0.2.1', userAgent: 'Phone' };
      const first = (await sessions.create({ userId: USER, data: { secret: 1 }, device }))._unsafeUnwrap();
      await place.elapse(USER, 120_000);
      const second = await create(sessions);
      await create(sessions, 'eve');
      expect(await idsOf(sessions)).toEqual([second.session.id, first.session.id]);
      await place.elapse(USER, 120_000);
      await sessions.touch(first.token);
      const [head, tail] = (await sessions.list(USER))._unsafeUnwrap();
      expect([head?.id, tail?.id]).toEqual([first.session.id, second.session.id]);
      expect(Object.keys(head ?? {}).sort()).toEqual([
        'createdAt',
        'expiresAt',
        'id',
        'ip',
        'lastSeenAt',
        'userAgent',
      ]);
      expect(head).toMatchObject(device);
      expect(tail).toMatchObject({ ip: null, userAgent: null });
      expect((await sessions.list('nobody'))._unsafeUnwrap()).toEqual([]);
    });

    it('ends all sessions of a user, and of no other', async () => {
      const sessions = open();
      const tokens = [await create(sessions), await create(sessions), await create(sessions)];
      const other = await create(sessions, 'eve');
      expect((await sessions.revokeAll(USER))._unsafeUnwrap()).toBe(3);
      for (const { token } of tokens) expect(await get(sessions, token)).toBeNull();
      expect(await idsOf(sessions)).toEqual([]);
      expect(await get(sessions, other.token)).not.toBeNull();
      expect((await sessions.revokeAll(USER))._unsafeUnwrap()).toBe(0);
    });

    it('ends all but one, which goes on as it was', async () => {
      const sessions = open();
      const [mine, ...others] = [await create(sessions), await create(sessions), await create(sessions)];
      expect((await sessions.revokeAll(USER, { except: mine?.token ?? '' }))._unsafeUnwrap()).toBe(2);
      for (const { token } of others) expect(await get(sessions, token)).toBeNull();
      expect(await get(sessions, mine?.token ?? '')).toStrictEqual(mine?.session);
      expect(await idsOf(sessions)).toEqual([mine?.session.id]);
    });

    it('ends nothing where the one to stay is not there', async () => {
      const sessions = open();
      const [mine, other] = [await create(sessions), await create(sessions)];
      const foreign = await create(sessions, 'eve');
      await sessions.revoke(other.token);
      const refused = await sessions.revokeAll(USER, { except: other.token });
      expect(refused._unsafeUnwrapErr().kind).toBe('not-found');
      for (const except of ['', 'x', foreign.token, mine.token.slice(0, -1)]) {
        const result = await sessions.revokeAll(USER, { except });
        expect(result._unsafeUnwrapErr()).toMatchObject({
          kind: 'invalid-input',
          issues: [{ path: 'except' }],
        });
      }
      expect(await get(sessions, mine.token)).not.toBeNull();
    });
  });

  describe(`${name}: epoch`, () => {
    it('lets a sign-in through that nothing came between', async () => {
      const sessions = open();
      const epoch = (await sessions.epoch(USER))._unsafeUnwrap();
      expect((await sessions.epoch(USER))._unsafeUnwrap()).toBe(epoch);
      await create(sessions);
      const created = await sessions.create({ userId: USER, data: 1, epoch });
      expect(created.isOk()).toBe(true);
      await sessions.revoke(created._unsafeUnwrap().token);
      expect((await sessions.epoch(USER))._unsafeUnwrap()).toBe(epoch);
    });

    it.each(['without sessions', 'with one that stays', 'with one that ends'])(
      'refuses a sign-in that a revokeAll overtook, %s',
      async (how) => {
        const sessions = open();
        const mine = how === 'without sessions' ? null : await create(sessions);
        const epoch = (await sessions.epoch(USER))._unsafeUnwrap();
        await sessions.revokeAll(USER, how === 'with one that stays' && mine ? { except: mine.token } : {});
        const refused = await sessions.create({ userId: USER, data: 1, epoch });
        expect(refused._unsafeUnwrapErr()).toMatchObject({ kind: 'conflict', constraint: 'session-epoch' });
        expect(await idsOf(sessions)).toHaveLength(how === 'with one that stays' ? 1 : 0);
        const next = (await sessions.epoch(USER))._unsafeUnwrap();
        expect(next).not.toBe(epoch);
        expect((await sessions.create({ userId: USER, data: 1, epoch: next })).isOk()).toBe(true);
      },
    );

    it('refuses one that was made up', async () => {
      const sessions = open();
      const refused = await sessions.create({ userId: USER, data: 1, epoch: 'made-up' });
      expect(refused._unsafeUnwrapErr()).toMatchObject({ constraint: 'session-epoch' });
      expect(await idsOf(sessions)).toEqual([]);
    });
  });

  describe(`${name}: limit on the sessions of a user`, () => {
    it('ends the one that was unused longest', async () => {
      const sessions = open({ maxPerUser: 3 });
      const created = [];
      for (let count = 0; count < 3; count += 1) {
        created.push(await create(sessions));
        await place.elapse(USER, 61_000);
      }
      const [first, second, third] = created;
      await get(sessions, first?.token ?? '');
      const fourth = await create(sessions);
      expect(await get(sessions, second?.token ?? '')).toBeNull();
      const left = [first, third, fourth].map((one) => one?.session.id).sort();
      expect((await idsOf(sessions)).sort()).toEqual(left);
    });

    it('refuses one more where that was asked for, until one has ended', async () => {
      const sessions = open({ maxPerUser: 2, whenFull: 'refuse' });
      const { token } = await create(sessions);
      await create(sessions);
      const refused = await sessions.create({ userId: USER, data: 1 });
      expect(refused._unsafeUnwrapErr()).toMatchObject({ kind: 'conflict', constraint: 'sessions-per-user' });
      expect((await sessions.create({ userId: 'eve', data: 1 })).isOk()).toBe(true);
      await sessions.revoke(token);
      expect((await sessions.create({ userId: USER, data: 1 })).isOk()).toBe(true);
      await place.elapse(USER, 600_001);
      expect((await sessions.create({ userId: USER, data: 1 })).isOk()).toBe(true);
    });

    it('holds against sign-ins at the same time', async () => {
      const sessions = open({ maxPerUser: 5 });
      await Promise.all(Array.from({ length: 30 }, () => create(sessions)));
      expect(await idsOf(sessions)).toHaveLength(5);
    });
  });

  describe(`${name}: a signal`, () => {
    it('that has fired before a call leaves all as it was', async () => {
      const sessions = open();
      const { token, session } = await create(sessions);
      const signal = AbortSignal.abort();
      const foreign = sessions.foreign('other');
      await foreign.set('key', '1', { ttlSeconds: 60 });
      const calls: [string, () => ResultAsync<unknown, { kind: string }>][] = [
        ['create', () => sessions.create({ userId: USER, data: 2 }, { signal })],
        ['get', () => sessions.get(token, { signal })],
        ['update', () => sessions.update(token, { data: 2, version: 1 }, { signal })],
        ['touch', () => sessions.touch(token, { signal })],
        ['rotate', () => sessions.rotate(token, { signal })],
        ['revoke', () => sessions.revoke(token, { signal })],
        ['revoke', () => sessions.revoke({ userId: USER, id: session.id }, { signal })],
        ['list', () => sessions.list(USER, { signal })],
        ['revokeAll', () => sessions.revokeAll(USER, { signal })],
        ['epoch', () => sessions.epoch(USER, { signal })],
        ['foreign.get', () => foreign.get('key', { signal })],
        ['foreign.set', () => foreign.set('key', '2', { ttlSeconds: 60, signal })],
        ['foreign.touch', () => foreign.touch('key', 1, { signal })],
        ['foreign.end', () => foreign.end('key', { signal })],
        ['foreign.take', () => foreign.take('key', { signal })],
        ['foreign.increment', () => foreign.increment('key', 60, { signal })],
        ['foreign.texts', () => foreign.texts({ signal })],
        ['foreign.clear', () => foreign.clear({ signal })],
      ];
      for (const [operation, call] of calls) {
        expect((await call())._unsafeUnwrapErr()).toMatchObject({
          kind: 'aborted',
          operation: `sessions.${operation}`,
        });
      }
      expect(await get(sessions, token)).toStrictEqual(session);
      expect(await idsOf(sessions)).toEqual([session.id]);
      expect((await foreign.get('key'))._unsafeUnwrap()).toBe('1');
    });

    it('that fires during a call ends the wait, and not the change', async () => {
      const sessions = open();
      const { token } = await create(sessions);
      const controller = new AbortController();
      const call = sessions.revoke(token, { signal: controller.signal });
      controller.abort();
      expect((await call)._unsafeUnwrapErr().kind).toBe('aborted');
      await vi.waitFor(async () => expect(await get(sessions, token)).toBeNull());
    });
  });

  describe(`${name}: withData`, () => {
    const schema = z.strictObject({ role: z.enum(['member', 'admin']) });

    it('checks what is written, and takes what it cannot read for no session', async () => {
      const untyped = open();
      const sessions = untyped.withData(schema.parse);
      const { token, session } = (
        await sessions.create({ userId: USER, data: { role: 'admin' } })
      )._unsafeUnwrap();
      expect(session.data.role satisfies 'member' | 'admin').toBe('admin');
      const bad = { role: 'owner' } as unknown as { role: 'admin' };
      const refused = (await sessions.update(token, { data: bad, version: 1 }))._unsafeUnwrapErr();
      expect(refused).toMatchObject({ kind: 'invalid-input', issues: [{ path: 'data' }] });
      expect(unredactedCauseOf(refused)).toBeInstanceOf(z.ZodError);
      expect((await untyped.update(token, { data: bad, version: 1 })).isOk()).toBe(true);
      expect(await get(sessions, token)).toBeNull();
      expect(await get(untyped, token)).not.toBeNull();
    });
  });
}
