// What an orchestrator and Prometheus ask a process for: /live, /ready and /metrics, by a server of `node:http`.
// Asks itself once and ends, without a server of its own; or serves, with PORT and the URLs of servers.
// Run: npx tsx examples/health-server.ts
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createMacroStore } from '@macro-ai/store';

const { PORT, DATABASE_URL, REDIS_URL } = process.env;
await using store = createMacroStore({
  ...(DATABASE_URL && { database: { url: DATABASE_URL } }),
  ...(REDIS_URL && { redis: { url: REDIS_URL } }),
});

const routes: Readonly<Record<string, (response: ServerResponse) => void | Promise<void>>> = {
  // Not alive: to be started anew. A database out of reach is no reason, which a restart would not mend.
  '/live': (response) => {
    const liveness = store.liveness();
    sendJson(response, liveness.isAlive ? 200 : 503, liveness);
  },
  // Not ready: to be sent no calls. Degraded, without Redis for example, they are served all the same.
  '/ready': async (response) => {
    const health = await store.health();
    sendJson(response, health.status === 'unavailable' ? 503 : 200, health);
  },
  '/metrics': (response) => {
    response.setHeader('content-type', 'text/plain; version=0.0.4; charset=utf-8');
    response.end(store.metrics.toPrometheus());
  },
};

function sendJson(response: ServerResponse, status: 200 | 503, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(JSON.stringify(body));
}

const server = createServer((request, response) => {
  const route = routes[request.url ?? ''];
  if (route === undefined) response.writeHead(404).end();
  else void route(response);
}).listen(Number(PORT ?? 0), '127.0.0.1');
await once(server, 'listening');
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

if (PORT === undefined) await askItself();
else {
  console.log(`serves ${url}`);
  await once(process, 'SIGTERM');
}
server.closeAllConnections();
server.close();

async function askItself(): Promise<void> {
  // The embedded database starts with its first call, which may take longer than a probe waits.
  (await store.migrate())._unsafeUnwrap();
  for (const path of Object.keys(routes)) {
    const response = await fetch(url + path);
    const body = await response.text();
    const shown = path === '/metrics' ? `${body.match(/^# TYPE /gm)?.length ?? 0} metrics` : body;
    console.log(`${path}: ${response.status} ${shown}`);
  }
}
