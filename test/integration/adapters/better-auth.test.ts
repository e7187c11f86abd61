import { randomUUID } from 'node:crypto';
import { betterAuth } from 'better-auth';
import { memoryAdapter } from 'better-auth/adapters/memory';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { createBetterAuthStorage } from '../../../src/adapters/index.js';
import { createMacroStore, type MacroStore } from '../../../src/create-macro-store.js';
import { aKeyPrefix } from '../../contract/cache-kit.js';

const PASSWORD = 'correct horse battery staple';
const EMAIL = 'ada@example.org';

function openAuth(store: MacroStore) {
  return betterAuth({
    baseURL: 'http://127.0.0.1',
    secret: randomUUID(),
    database: memoryAdapter({ user: [], session: [], account: [], verification: [] }),
    secondaryStorage: createBetterAuthStorage(store.sessions),
    emailAndPassword: {
      enabled: true,
      // Hashing of passwords is not what is looked at here.
      password: { hash: async (text) => text, verify: async ({ hash, password }) => hash === password },
    },
    rateLimit: { enabled: false },
  });
}

describe.each(['in Redis', 'in memory'] as const)('better-auth with its sessions %s', (where) => {
  let store: MacroStore;
  let auth: ReturnType<typeof openAuth>;

  beforeEach(async () => {
    const redis = { url: inject('redisUrl'), keyPrefix: aKeyPrefix(), commandTimeoutMillis: 5_000 };
    store = createMacroStore(where === 'in Redis' ? { redis } : {});
    auth = openAuth(store);
    await auth.api.signUpEmail({ body: { email: EMAIL, password: PASSWORD, name: 'Ada' } });
  });
  afterEach(() => store.close());

  /** Signs in; gives what its browser sends from then on. */
  async function signIn(): Promise<Headers> {
    const { headers } = await auth.api.signInEmail({
      body: { email: EMAIL, password: PASSWORD },
      returnHeaders: true,
    });
    const cookie = headers.getSetCookie().map((text) => text.split(';')[0]);
    return new Headers({ cookie: cookie.join('; ') });
  }
  const userOf = async (headers: Headers) => (await auth.api.getSession({ headers }))?.user.email ?? null;
  const tokenOf = async (headers: Headers) => (await auth.api.getSession({ headers }))?.session.token ?? '';

  it('knows who has signed in, and lists the sessions', async () => {
    const [laptop, phone] = [await signIn(), await signIn()];
    expect([await userOf(laptop), await userOf(phone)]).toEqual([EMAIL, EMAIL]);
    // With the one of signing up.
    expect(await auth.api.listSessions({ headers: laptop })).toHaveLength(3);
  });

  it('ends the session that signs out, and no other', async () => {
    const [laptop, phone] = [await signIn(), await signIn()];
    await auth.api.signOut({ headers: phone });
    expect([await userOf(laptop), await userOf(phone)]).toEqual([EMAIL, null]);
    expect(await auth.api.listSessions({ headers: laptop })).toHaveLength(2);
  });

  it('ends another session by its token', async () => {
    const [laptop, phone] = [await signIn(), await signIn()];
    await auth.api.revokeSession({ headers: laptop, body: { token: await tokenOf(phone) } });
    expect([await userOf(laptop), await userOf(phone)]).toEqual([EMAIL, null]);
  });

  it('ends all others, and all', async () => {
    const [laptop, phone, tablet] = [await signIn(), await signIn(), await signIn()];
    await auth.api.revokeOtherSessions({ headers: laptop });
    expect([await userOf(laptop), await userOf(phone), await userOf(tablet)]).toEqual([EMAIL, null, null]);
    await auth.api.revokeSessions({ headers: laptop });
    expect(await userOf(laptop)).toBeNull();
    expect(await userOf(await signIn())).toBe(EMAIL);
  });

  it('lets every one of many in that sign in at the same time', async () => {
    const browsers = await Promise.all(Array.from({ length: 10 }, signIn));
    expect(await Promise.all(browsers.map(userOf))).toEqual(browsers.map(() => EMAIL));
  });

  // better-auth reads, changes and writes its list of a user's sessions, so that some are missing from it.
  it('ends all sessions, also those its list has lost', async () => {
    const browsers = await Promise.all(Array.from({ length: 10 }, signIn));
    const [first = new Headers()] = browsers;
    // A session of the same millisecond as the end of all is not older than it.
    await new Promise((resolve) => setTimeout(resolve, 5));
    await auth.api.revokeSessions({ headers: first });
    expect(await Promise.all(browsers.map(userOf))).toEqual(browsers.map(() => null));
  });
});
