import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import session from 'express-session';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { createExpressSessionStore } from '../../../src/adapters/index.js';
import { createMacroStore, type MacroStore } from '../../../src/create-macro-store.js';
import { sha256 } from '../../../src/sessions/session-token.js';
import { aKeyPrefix } from '../../contract/cache-kit.js';
import { barrier } from '../../contract/cache-service.js';

declare module 'express-session' {
  interface SessionData {
    userId: string;
    visits: number;
  }
}

type Handler = (
  request: IncomingMessage & { session: session.Session & Partial<session.SessionData> },
) => unknown;

describe.each(['in Redis', 'in memory'] as const)('express-session, %s', (where) => {
  let store: MacroStore;
  let keyPrefix: string;
  let server: Server;
  let slow: ReturnType<typeof barrier>;

  beforeEach(async () => {
    keyPrefix = aKeyPrefix();
    store = createMacroStore(
      where === 'in Redis'
        ? { redis: { url: inject('redisUrl'), keyPrefix, commandTimeoutMillis: 5_000 } }
        : {},
    );
    const sessions = session({
      store: createExpressSessionStore(session, store.sessions, { touchIntervalSeconds: 0 }),
      secret: 'for a test',
      resave: false,
      saveUninitialized: false,
      rolling: true,
      cookie: { maxAge: 60_000 },
    });
    slow = barrier();
    const called = (work: (done: (error?: unknown) => void) => unknown) =>
      new Promise<void>((resolve, reject) => work((error) => (error ? reject(error) : resolve())));
    const routes: Record<string, Handler> = {
      '/login': async (request) => {
        // A new id for whoever was here before: what an attacker has set is worth nothing.
        await called((done) => request.session.regenerate(done));
        request.session.userId = 'ada';
        return 'signed in';
      },
      '/visit': (request) => {
        request.session.visits = (request.session.visits ?? 0) + 1;
        return request.session.visits;
      },
      '/slow-visit': async (request) => {
        slow.arrive();
        await slow.opened;
        request.session.visits = 1_000;
        return 'late';
      },
      '/look': (request) => request.session.userId ?? 'nobody',
      '/logout': (request) => called((done) => request.session.destroy(done)),
    };
    server = createServer((request: IncomingMessage, response: ServerResponse) => {
      sessions(request as never, response as never, async (error?: unknown) => {
        const route = routes[request.url ?? ''];
        if (error !== undefined || route === undefined) return void response.destroy();
        const answer = await route(request as Parameters<Handler>[0]);
        response.end(JSON.stringify(answer ?? null));
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(async () => {
    server.closeAllConnections();
    server.close();
    await store.close();
  });

  /** A browser: keeps its cookie. */
  function browser(start = '') {
    let cookie = start;
    return {
      get cookie() {
        return cookie;
      },
      async go(path: string): Promise<unknown> {
        const { port } = server.address() as AddressInfo;
        const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { cookie } });
        cookie = response.headers.get('set-cookie')?.split(';')[0] ?? cookie;
        expect(response.status).toBe(200);
        return response.json();
      },
    };
  }

  const sidOf = (cookie: string) =>
    decodeURIComponent(cookie.slice(cookie.indexOf('=') + 1))
      .slice(2)
      .split('.')[0] ?? '';

  it('stores no session of who leaves nothing in it', async () => {
    const ada = browser();
    expect(await ada.go('/look')).toBe('nobody');
    expect(ada.cookie).toBe('');
  });

  it('keeps what a browser has done from request to request, and browsers apart', async () => {
    const [ada, eve] = [browser(), browser()];
    expect([await ada.go('/visit'), await ada.go('/visit'), await eve.go('/visit')]).toEqual([1, 2, 1]);
  });

  it('gives a new id at sign-in, and the old one opens nothing', async () => {
    const ada = browser();
    await ada.go('/visit');
    const fixed = browser(ada.cookie);
    await ada.go('/login');
    expect(sidOf(ada.cookie)).not.toBe(sidOf(fixed.cookie));
    expect(await ada.go('/look')).toBe('ada');
    expect(await fixed.go('/look')).toBe('nobody');
  });

  it('ends a session by destroy, for every browser that has its cookie', async () => {
    const ada = browser();
    await ada.go('/login');
    const copy = browser(ada.cookie);
    expect(await copy.go('/look')).toBe('ada');
    await ada.go('/logout');
    expect(await copy.go('/look')).toBe('nobody');
  });

  it('does not let a request that was under way save an ended session back', async () => {
    const ada = browser();
    await ada.go('/login');
    const late = browser(ada.cookie).go('/slow-visit');
    await slow.arrived;
    await ada.go('/logout');
    slow.open();
    expect(await late).toBe('late');
    expect(await browser(ada.cookie).go('/look')).toBe('nobody');
  });

  it('refuses a cookie that was made up', async () => {
    expect(await browser('connect.sid=s%3Amade-up.signature').go('/look')).toBe('nobody');
  });

  if (where === 'in memory') return;
  it('moves the end of a session with each request that reads it', async () => {
    const raw = new Redis(inject('redisUrl'));
    const ada = browser();
    await ada.go('/login');
    const name = `${keyPrefix}foreign-session:express:${sha256(sidOf(ada.cookie))}`;
    expect(await raw.pttl(name)).toBeGreaterThan(50_000);
    await raw.pexpire(name, 10_000);
    await ada.go('/look');
    expect(await raw.pttl(name)).toBeGreaterThan(50_000);
    raw.disconnect();
  });
});
