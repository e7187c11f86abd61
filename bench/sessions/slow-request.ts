import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ExpressSessionMethods } from '../../src/adapters/index.js';
import type { ExpressSession, SessionRequest } from './peer-ports.js';

/**
 * Signs in, begins a request that changes its session and takes its time, logs out meanwhile, and lets the slow one
 * end. Whether the browser is signed in after it.
 */
export async function logoutDuringSlowRequest(
  expressSession: ExpressSession,
  store: ExpressSessionMethods,
): Promise<boolean> {
  let begin = () => {};
  let finish = () => {};
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const middleware = expressSession({
    store,
    secret: 'for nothing but the benchmark',
    resave: false,
    saveUninitialized: false,
    cookie: { maxAge: 60_000 },
  });

  const answer = async (request: SessionRequest): Promise<string> => {
    const { session } = request;
    if (session === undefined) return 'no session';
    if (request.url === '/in') session['user'] = 'ada';
    if (request.url === '/out') await new Promise((resolve) => session.destroy(resolve));
    if (request.url === '/slow') {
      session['clicks'] = 1;
      begin();
      await finished;
    }
    return `${session['user'] ?? 'nobody'}`;
  };
  const server = createServer((request, response) =>
    middleware(request, response, (error) => {
      if (error) return void response.writeHead(500).end();
      answer(request).then((text) => response.end(text));
    }),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const signedIn = await fetch(`${base}/in`);
  const cookie = signedIn.headers.get('set-cookie')?.split(';')[0] ?? '';
  const ask = (path: string) =>
    fetch(base + path, { headers: { cookie } }).then((response) => response.text());
  const slow = ask('/slow');
  await begun;
  await ask('/out');
  finish();
  await slow;
  const who = await ask('/who');
  server.closeAllConnections();
  server.close();
  return who === 'ada';
}
