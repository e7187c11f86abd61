import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type BetterAuthStorage,
  createBetterAuthStorage,
  createExpressSessionStore,
  type ExpressSessionMethods,
  type ExpressSessionStoreOptions,
} from '../../src/adapters/index.js';
import type { SessionStore } from '../../src/sessions/session-store.js';

/** Sessions of other libraries in a place of a test's own. */
export interface ForeignPlace {
  readonly sessions: SessionStore;
  /** How long what is under the key `key` of the library `name` lives, in milliseconds. */
  remainingMs(name: string, key: string): Promise<number>;
  close(): Promise<void>;
}

// What express-session's `Store` is to its subclasses.
const expressSession = { Store: class extends EventEmitter {} };

const inSeconds = (seconds: number) => new Date(Date.now() + seconds * 1000).toISOString();

/** What express-session, and the tests of its Redis store, expect of a store. `make` gives an empty place per call. */
export function expressSessionContract(name: string, make: () => Promise<ForeignPlace>): void {
  let place: ForeignPlace;
  let store: ExpressSessionMethods;
  beforeEach(async () => {
    place = await make();
    store = open();
  });
  afterEach(() => place.close());

  const open = (options?: ExpressSessionStoreOptions) =>
    createExpressSessionStore(expressSession, place.sessions, options);
  const ttlOf = async (sid: string) => (await place.remainingMs('express', sid)) / 1000;

  describe(`${name}: express-session store`, () => {
    it('is an event emitter, as express-session needs it', () => {
      expect(open()).toBeInstanceOf(EventEmitter);
    });

    it('gives null and no error for a session that is not there', async () => {
      expect(await store.get('nobody')).toBeNull();
      await new Promise<void>((resolve) => {
        store.get('nobody', (error, session) => {
          expect(error).toBeNull();
          expect(session).toBeNull();
          resolve();
        });
      });
    });

    it('gives a session back as it was saved, to each caller a copy', async () => {
      const session = { cookie: { originalMaxAge: 60_000, expires: inSeconds(60) }, foo: 'bar', list: [1] };
      await store.set('123', session);
      session.list.push(2);
      const read = await store.get('123');
      expect(read).toEqual({ ...session, list: [1] });
      expect(await store.get('123')).not.toBe(read);
    });

    it('takes callbacks, and does without them', async () => {
      await new Promise((resolve) => store.set('123', {}, resolve));
      await new Promise((resolve) => store.touch('123', {}, resolve));
      expect(await new Promise((resolve) => store.length((_error, count) => resolve(count)))).toBe(1);
      await new Promise((resolve) => store.destroy('123', resolve));
      expect(await new Promise((resolve) => store.all((_error, all) => resolve(all)))).toEqual([]);
      await new Promise((resolve) => store.clear(resolve));
    });

    it('keeps a session without an end for a day', async () => {
      await store.set('123', { cookie: { expires: null } });
      expect(await ttlOf('123')).toBeGreaterThan(86_390);
      expect(await ttlOf('123')).toBeLessThanOrEqual(86_400);
    });

    it.each([
      ['text', inSeconds(60)],
      ['a date', new Date(Date.now() + 60_000)],
    ])('keeps a session as long as its cookie, whose end is %s', async (_, expires) => {
      await store.set('123', { cookie: { expires } });
      expect(await ttlOf('123')).toBeGreaterThan(50);
      expect(await ttlOf('123')).toBeLessThanOrEqual(60);
    });

    it('takes seconds, or a function of the session, for sessions without an end', async () => {
      await open({ ttlSeconds: 50 }).set('123', {});
      expect(await ttlOf('123')).toBeLessThanOrEqual(50);
      await open({ ttlSeconds: () => 20 }).set('123', { cookie: { expires: inSeconds(60) } });
      expect(await ttlOf('123')).toBeLessThanOrEqual(20);
    });

    it.each([NaN, Infinity, 'x'])('refuses a time to live of %s, and changes nothing', async (ttlSeconds) => {
      await store.set('123', { old: true });
      const bad = open({ ttlSeconds: () => ttlSeconds as number });
      await expect(bad.set('123', { old: false })).rejects.toMatchObject({ kind: 'invalid-input' });
      await expect(bad.touch('123', {})).rejects.toMatchObject({ kind: 'invalid-input' });
      expect(await store.get('123')).toEqual({ old: true });
    });

    it('moves the end of a session by touch, and not of one that is not there', async () => {
      await store.set('456', { cookie: { expires: inSeconds(60) } });
      await store.touch('456', { cookie: { expires: inSeconds(90) } });
      expect(await ttlOf('456')).toBeGreaterThan(60);
      await store.touch('456', { cookie: { expires: inSeconds(30) } });
      expect(await ttlOf('456')).toBeLessThanOrEqual(30);
      await store.touch('nobody', { cookie: { expires: inSeconds(90) } });
      expect(await store.get('nobody')).toBeNull();
    });

    it('leaves the touch out where the end would hardly move', async () => {
      const exact = open({ touchIntervalSeconds: 0 });
      await store.set('456', { cookie: { expires: inSeconds(1_000) } });
      await store.touch('456', { cookie: { expires: inSeconds(1_050) } });
      expect(await ttlOf('456')).toBeLessThanOrEqual(1_000);
      await exact.touch('456', { cookie: { expires: inSeconds(1_050) } });
      expect(await ttlOf('456')).toBeGreaterThan(1_010);
    });

    it('counts and lists sessions, and deletes one or all', async () => {
      await store.set('123', { foo: 'bar' });
      await store.set('456', { foo: 'baz' });
      expect(await store.length()).toBe(2);
      const all = await store.all();
      expect([...all].map((session) => JSON.stringify(session)).sort()).toEqual([
        '{"foo":"bar"}',
        '{"foo":"baz"}',
      ]);
      await store.destroy('456');
      expect(await store.length()).toBe(1);
      await store.clear();
      expect(await store.length()).toBe(0);
      await store.set('456', { foo: 'again' });
      expect(await store.length()).toBe(1);
    });

    it('clears a thousand', async () => {
      await Promise.all(Array.from({ length: 1_000 }, (_, sid) => store.set(`s${sid}`, {})));
      expect(await store.length()).toBe(1_000);
      await store.clear();
      expect(await store.length()).toBe(0);
    });

    it('leaves what has another name alone', async () => {
      const other = open({ name: 'express-admin' });
      await other.set('123', { admin: true });
      expect(await store.get('123')).toBeNull();
      await store.clear();
      expect(await other.get('123')).toEqual({ admin: true });
    });

    it('takes a session whose end is past for one that is destroyed', async () => {
      await store.set('789', { cookie: { expires: inSeconds(90) } });
      await store.set('789', { cookie: { expires: inSeconds(-90) } });
      expect(await store.length()).toBe(0);
      await store.set('790', { cookie: { expires: inSeconds(90) } });
      await store.touch('790', { cookie: { expires: inSeconds(-1) } });
      expect(await store.get('790')).toBeNull();
    });

    it('does not let a slow request save or touch a destroyed session back', async () => {
      const slow = open();
      await store.set('123', { foo: 'bar' });
      const read = await slow.get('123');
      await store.destroy('123');
      await slow.set('123', { ...read, seen: true });
      await slow.touch('123', { ...read });
      expect(await store.get('123')).toBeNull();
      expect(await store.length()).toBe(0);
    });

    it('refuses sessions that are too large or no JSON, and keeps the old', async () => {
      await store.set('123', { foo: 'bar' });
      const large = { foo: 'x'.repeat(1024 * 1024) };
      await expect(store.set('123', large)).rejects.toMatchObject({ kind: 'invalid-input' });
      await expect(store.set('123', { size: 1n })).rejects.toBeInstanceOf(TypeError);
      await expect(store.set('', {})).rejects.toMatchObject({ kind: 'invalid-input' });
      expect(await store.get('123')).toEqual({ foo: 'bar' });
    });
  });
}

/** What better-auth asks of its secondary storage. */
export function betterAuthContract(name: string, make: () => Promise<ForeignPlace>): void {
  let place: ForeignPlace;
  let storage: BetterAuthStorage;
  beforeEach(async () => {
    place = await make();
    storage = createBetterAuthStorage(place.sessions);
  });
  afterEach(() => place.close());

  const ttlOf = async (key: string) => (await place.remainingMs('better-auth', key)) / 1000;
  const sessionOf = (token: string) => JSON.stringify({ session: { token, userId: 'ada' }, user: {} });

  describe(`${name}: better-auth storage`, () => {
    it('gives back what was set, null for nothing, and deletes', async () => {
      expect(await storage.get('k')).toBeNull();
      await storage.set('k', '{"a":1}', 60);
      expect(await storage.get('k')).toBe('{"a":1}');
      await storage.delete('k');
      await storage.delete('k');
      expect(await storage.get('k')).toBeNull();
    });

    it('ends what is set after its time to live, and gives what names none a long one', async () => {
      await storage.set('k', 'v', 60);
      expect(await ttlOf('k')).toBeGreaterThan(50);
      expect(await ttlOf('k')).toBeLessThanOrEqual(60);
      await storage.set('k', 'v');
      expect(await ttlOf('k')).toBeGreaterThan(300 * 24 * 3600);
    });

    it.each([0, -1])('takes a time to live of %d for an end, not for ever', async (ttlSeconds) => {
      await storage.set('k', 'v', 60);
      await storage.set('k', 'v', ttlSeconds);
      expect(await storage.get('k')).toBeNull();
    });

    it('refuses a time to live that is no number, and changes nothing', async () => {
      await storage.set('k', 'v', 60);
      await expect(storage.set('k', 'w', NaN)).rejects.toMatchObject({ kind: 'invalid-input' });
      await expect(storage.increment('n', NaN)).rejects.toMatchObject({ kind: 'invalid-input' });
      expect(await storage.get('k')).toBe('v');
      expect(await storage.get('n')).toBeNull();
    });

    it('lets one of many take a value', async () => {
      await storage.set('k', 'v', 60);
      const taken = await Promise.all(Array.from({ length: 20 }, () => storage.getAndDelete('k')));
      expect(taken.filter((value) => value !== null)).toEqual(['v']);
      await storage.set('k', 'w', 60);
      expect(await storage.get('k')).toBe('w');
    });

    it('counts for a time that begins with the first', async () => {
      const counts = await Promise.all(Array.from({ length: 20 }, () => storage.increment('n', 60)));
      expect(counts.sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
      await storage.increment('n', 600);
      expect(await ttlOf('n')).toBeLessThanOrEqual(60);
      await storage.delete('n');
      expect(await storage.increment('n', 60)).toBe(1);
      expect(await ttlOf('n')).toBeGreaterThan(50);
    });

    it('does not let a refresh write a deleted session back', async () => {
      await storage.set('token', sessionOf('token'), 60);
      const read = await storage.get('token');
      await storage.delete('token');
      await storage.set('token', read ?? '', 60);
      expect(await storage.get('token')).toBeNull();
      await storage.set('token', sessionOf('token'), 0);
      await storage.set('token', sessionOf('token'), 60);
      expect(await storage.get('token')).toBeNull();
    });

    it('lets keys that are no sessions be used again, as the list of a user is', async () => {
      await storage.set('active-sessions-ada', '[{"token":"a"}]', 60);
      await storage.delete('active-sessions-ada');
      await storage.set('active-sessions-ada', '[{"token":"b"}]', 60);
      expect(await storage.get('active-sessions-ada')).toBe('[{"token":"b"}]');
      await storage.delete('v');
      await storage.set('v', '{"session":null}', 60);
      expect(await storage.get('v')).toBe('{"session":null}');
    });
  });
}
