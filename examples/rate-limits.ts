// Rate limits in front of a chat: as a middleware for Express (and whatever has Node's request and response) and as
// one for Hono (and whatever has the web's Request and Response). Run: npx tsx examples/rate-limits.ts
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createMacroStore, type MacroStore, rateLimitHeaders } from '@macro-ai/store';

const { REDIS_URL } = process.env;

await using store = createMacroStore({
  redis: REDIS_URL === undefined ? false : { url: REDIS_URL, keyPrefix: `example-${process.pid}:` },
  rateLimits: {
    chat: { limit: 60, windowSeconds: 60, burst: 3 },
    tokens: { limit: 100_000, windowSeconds: 3_600 },
  },
});

/** Express: `app.use(limitNode(store, 'chat', (request) => request.user.id))`. */
function limitNode<Name extends string>(
  { rateLimiter }: MacroStore<Name>,
  limit: Name,
  keyOf: (request: IncomingMessage) => string,
) {
  return async (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void) => {
    const result = await rateLimiter.consume(keyOf(request), limit);
    if (result.isErr()) return next(result.error);
    const outcome = result.value;
    for (const [name, value] of Object.entries(rateLimitHeaders(outcome))) response.setHeader(name, value);
    if (outcome.allowed) return next();
    // Nobody knows whether this one had too many: that is not the caller's fault.
    response.statusCode = outcome.outcome === 'limited' ? 429 : 503;
    response.end();
  };
}

/** What is used of Hono's context. */
interface Context {
  readonly req: { readonly raw: Request };
  header(name: string, value: string): void;
  body(data: null, status: 429 | 503): Response;
}

/** Hono: `app.use(limitWeb(store, 'chat', (request) => userOf(request)))`. */
function limitWeb<Name extends string>(
  { rateLimiter }: MacroStore<Name>,
  limit: Name,
  keyOf: (request: Request) => string,
) {
  return async (context: Context, next: () => Promise<void>): Promise<Response | undefined> => {
    const outcome = await rateLimiter.consume(keyOf(context.req.raw), limit).match(
      (value) => value,
      (error) => {
        throw error;
      },
    );
    for (const [name, value] of Object.entries(rateLimitHeaders(outcome))) context.header(name, value);
    if (!outcome.allowed) return context.body(null, outcome.outcome === 'limited' ? 429 : 503);
    await next();
    return undefined;
  };
}

// Express calls a middleware as this server does.
const limitChat = limitNode(store, 'chat', (request) => `${request.headers['x-user']}`);
const server = createServer((request, response) => {
  void limitChat(request, response, (error) => {
    response.statusCode = error === undefined ? 200 : 500;
    response.end();
  });
}).listen(0, '127.0.0.1');
await once(server, 'listening');
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const statuses: number[] = [];
for (let call = 0; call < 5; call += 1) {
  statuses.push((await fetch(url, { headers: { 'x-user': 'ada' } })).status);
}
const limited = await fetch(url, { headers: { 'x-user': 'ada' } });
console.log(`node: ${statuses.join(' ')}, come back in ${limited.headers.get('retry-after')} s`);
console.log(`RateLimit-Policy: ${limited.headers.get('ratelimit-policy')}`);
server.closeAllConnections();
server.close();

// Hono calls a middleware with a context like this one.
const limitPage = limitWeb(store, 'chat', (request) => request.headers.get('x-user') ?? 'nobody');
async function callWeb(user: string): Promise<number> {
  const headers = new Headers();
  const context: Context = {
    req: { raw: new Request('http://localhost/', { headers: { 'x-user': user } }) },
    header: (name, value) => headers.set(name, value),
    body: (data, status) => new Response(data, { status, headers }),
  };
  const answer = await limitPage(context, async () => {});
  return answer?.status ?? 200;
}
const web: number[] = [];
for (let call = 0; call < 4; call += 1) web.push(await callWeb('bob'));
console.log(`web: ${web.join(' ')}`);

// Tokens of a model: an estimate before, the truth after.
const reserved = (await store.rateLimiter.reserve('ada', 'tokens', 2_000))._unsafeUnwrap();
if (reserved.allowed) (await reserved.settle(850))._unsafeUnwrap();
const { remaining } = (await store.rateLimiter.peek('ada', 'tokens'))._unsafeUnwrap();
console.log(`tokens left: ${remaining}`);
