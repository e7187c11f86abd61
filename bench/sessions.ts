import { randomUUID } from 'node:crypto';
import { createBetterAuthStorage, createExpressSessionStore } from '../src/adapters/index.js';
import type { MacroStore } from '../src/index.js';
import { loadLibrary, loadPeer, openEnvironment, versionOf } from './harness/environment.js';
import { percentile } from './harness/measure.js';
import type { Gate, Report, Table } from './harness/report.js';
import { type Load, measureThroughput, type Throughput } from './harness/throughput.js';
import { type Answers, CHECKS, checkBetterAuth, checkExpress, checkStore } from './sessions/checks.js';
import type { SessionPeers } from './sessions/peer-ports.js';
import { sentCommands } from './sessions/sent-commands.js';

/** What sessions are worth under races, and what they cost. */
export const name = 'sessions';

const SIZES = { sessions: 1_000, warmUp: 5_000, calls: 20_000, clients: 64, ofOneUser: 50 };
/** About what a chat application keeps of a session. */
const DATA = {
  theme: 'dark',
  roles: ['member', 'billing'],
  cart: [],
  flash: null,
  csrf: 'x'.repeat(32),
  note: 'y'.repeat(200),
};

export async function run(): Promise<Report> {
  await using environment = await openEnvironment();
  const { redisUrl } = environment;
  const { createMacroStore } = await loadLibrary();
  const peers = await loadPeer<SessionPeers>('sessions.ts');
  const prefixOf = (candidate: string) => `bench:${randomUUID()}:${candidate}:`;
  const openStore = (candidate: string, touchIntervalSeconds?: number) => {
    const keyPrefix = prefixOf(candidate);
    const store = createMacroStore({
      redis: { url: redisUrl, keyPrefix, commandTimeoutMillis: 5_000 },
      sessions: touchIntervalSeconds === undefined ? {} : { touchIntervalSeconds },
    });
    return { store, keyPrefix };
  };

  const checks = await checkAll({ redisUrl, peers, prefixOf, openStore });
  const loads = await measureLoads({ redisUrl, peers, prefixOf, openStore });
  const commands = await countCommands({ redisUrl, peers, prefixOf, openStore });

  const speed = ratio(loads, 'store', 'connect-redis');
  const adapted = ratio(loads, 'express-session on store', 'connect-redis');
  const ownCommands = commands.find(({ candidate }) => candidate === 'store')?.commands ?? Number.NaN;
  const failed = [...(checks.get('store')?.values() ?? [])].filter((answer) =>
    answer.startsWith('FAIL'),
  ).length;
  return {
    suite: name,
    data: SIZES,
    versions: {
      ...environment.versions,
      'connect-redis': versionOf('connect-redis', 'peers'),
      'better-auth': versionOf('better-auth', 'peers'),
    },
    results: throughputRows(loads),
    tables: [tableOf(checks), { title: `ending the ${SIZES.ofOneUser} sessions of a user`, rows: commands }],
    ratios: [],
    gates: [
      gate('get + touch a second: store ÷ connect-redis', speed, '≥ 1.0', speed >= 1),
      gate('get + touch a second: express-session on store ÷ connect-redis', adapted, '≥ 1.0', adapted >= 1),
      gate('commands of revokeAll', ownCommands, '= 1', ownCommands === 1),
      gate('checks that the store fails', failed, '= 0', failed === 0),
    ],
  };
}

interface Candidates {
  readonly redisUrl: string;
  readonly peers: SessionPeers;
  prefixOf(candidate: string): string;
  openStore(candidate: string, touchIntervalSeconds?: number): { store: MacroStore; keyPrefix: string };
}

async function checkAll({
  redisUrl,
  peers,
  prefixOf,
  openStore,
}: Candidates): Promise<ReadonlyMap<string, Answers>> {
  const found = new Map<string, Answers>();
  const options = { redisUrl, peers };
  const { store, keyPrefix } = openStore('store');
  found.set('store', await checkStore(store.sessions, keyPrefix, options));
  await store.close();

  const connectPrefix = prefixOf('connect-redis');
  const connect = await peers.openConnectRedis(redisUrl, connectPrefix);
  found.set('connect-redis', await checkExpress(connect.value, connectPrefix, options));
  await connect.close();

  const ours = openStore('express');
  const express = createExpressSessionStore(peers.expressSession, ours.store.sessions);
  found.set('express-session on store', await checkExpress(express, ours.keyPrefix, options));
  await ours.store.close();

  const authPrefix = prefixOf('better-auth');
  const storage = peers.openRedisStorage(redisUrl, authPrefix);
  found.set('better-auth', await checkBetterAuth(storage.value, authPrefix, options));
  await storage.close();

  const under = openStore('better-auth');
  const adapted = createBetterAuthStorage(under.store.sessions);
  found.set('better-auth on store', await checkBetterAuth(adapted, under.keyPrefix, options));
  await under.store.close();
  return found;
}

/** What a request costs that finds its session and notes its use. */
async function measureLoads({ redisUrl, peers, prefixOf, openStore }: Candidates): Promise<Throughput> {
  const { store } = openStore('store');
  const every = openStore('store-every', 0).store;
  const express = createExpressSessionStore(peers.expressSession, store.sessions);
  const connect = await peers.openConnectRedis(redisUrl, prefixOf('connect-redis'));
  const storage = peers.openRedisStorage(redisUrl, prefixOf('better-auth'));
  const auth = await peers.openBetterAuth(storage.value);
  const userId = await auth.createUser();

  const cookie = { originalMaxAge: 86_400_000, expires: new Date(Date.now() + 86_400_000) };
  const rolling = { cookie, ...DATA };
  const users = Array.from({ length: SIZES.sessions }, (_, index) => `user${index}`);
  const sids = users.map(() => randomUUID());
  const tokens: string[] = [];
  const everyTokens: string[] = [];
  const authTokens: string[] = [];
  for (const [index, user] of users.entries()) {
    tokens.push((await store.sessions.create({ userId: user, data: DATA }))._unsafeUnwrap().token);
    everyTokens.push((await every.sessions.create({ userId: user, data: DATA }))._unsafeUnwrap().token);
    await connect.value.set(sids[index] ?? '', rolling);
    await express.set(sids[index] ?? '', rolling);
    if (index < SIZES.sessions / 10) authTokens.push(await auth.create(userId));
  }
  const at = (list: readonly string[] | undefined, index: number) => list?.[index % (list.length || 1)] ?? '';
  const mustHave = (found: unknown) => {
    if (!found) throw new Error('a session was not found');
  };

  const load = (calls: number): Load<number> => ({
    name: 'get + touch',
    clients: SIZES.clients,
    inputs: Array.from({ length: calls }, (_, index) => index),
    candidates: [
      {
        name: 'store',
        run: async (n) => mustHave((await store.sessions.get(at(tokens, n)))._unsafeUnwrap()),
      },
      {
        name: 'store, each use noted',
        run: async (n) => mustHave((await every.sessions.get(at(everyTokens, n)))._unsafeUnwrap()),
      },
      {
        name: 'connect-redis',
        run: async (n) => {
          mustHave(await connect.value.get(at(sids, n)));
          await connect.value.touch(at(sids, n), rolling);
        },
      },
      {
        name: 'express-session on store',
        run: async (n) => {
          mustHave(await express.get(at(sids, n)));
          await express.touch(at(sids, n), rolling);
        },
      },
      {
        name: 'better-auth (get alone)',
        run: async (n) => mustHave(await auth.isSession(at(authTokens, n))),
      },
    ],
  });
  // Once as a service that runs has done it long since.
  await measureThroughput(load(SIZES.warmUp));
  const throughput = await measureThroughput(load(SIZES.calls));
  for (const one of [connect, storage, store, every]) await one.close();
  return throughput;
}

async function countCommands({ redisUrl, peers, prefixOf, openStore }: Candidates) {
  const { store, keyPrefix } = openStore('store');
  const createOne = async () => (await store.sessions.create({ userId: 'ada', data: DATA }))._unsafeUnwrap();
  // The script is known to the server, as it is but for once.
  (await store.sessions.revokeAll('nobody'))._unsafeUnwrap();
  for (let count = 0; count < SIZES.ofOneUser; count += 1) await createOne();
  const own = await timed(redisUrl, keyPrefix, async () =>
    (await store.sessions.revokeAll('ada'))._unsafeUnwrap(),
  );
  await store.close();

  const prefix = prefixOf('better-auth');
  const storage = peers.openRedisStorage(redisUrl, prefix);
  const auth = await peers.openBetterAuth(storage.value);
  const userId = await auth.createUser();
  for (let count = 0; count < SIZES.ofOneUser; count += 1) await auth.create(userId);
  const theirs = await timed(redisUrl, prefix, () => auth.endAll(userId));
  await storage.close();
  return [
    { candidate: 'store', ...own },
    { candidate: 'better-auth', ...theirs },
  ];
}

async function timed(redisUrl: string, prefix: string, work: () => Promise<unknown>) {
  let ms = Number.NaN;
  const commands = await sentCommands(redisUrl, prefix, async () => {
    const startedAt = performance.now();
    await work();
    ms = performance.now() - startedAt;
  });
  return { commands: commands.length, ms };
}

function tableOf(checks: ReadonlyMap<string, Answers>): Table {
  return {
    title: 'what goes wrong',
    rows: CHECKS.map((check) => ({
      check,
      ...Object.fromEntries([...checks].map(([candidate, found]) => [candidate, found.get(check)])),
    })),
  };
}

function ratio({ rounds }: Throughput, of: string, to: string): number {
  return median(rounds.map((round) => (round.get(of) ?? Number.NaN) / (round.get(to) ?? Number.NaN)));
}

function throughputRows({ operation, clients, rounds }: Throughput): object[] {
  return [...(rounds[0]?.keys() ?? [])].map((candidate) => ({
    operation,
    clients,
    candidate,
    perSecond: median(rounds.map((round) => round.get(candidate) ?? Number.NaN)),
  }));
}

function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

function gate(title: string, value: number, goal: string, pass: boolean): Gate {
  return { name: title, value, goal, pass };
}
