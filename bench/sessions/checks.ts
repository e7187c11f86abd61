import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import type { BetterAuthStorage, ExpressSessionMethods } from '../../src/adapters/index.js';
import type { SessionStore } from '../../src/index.js';
import { holdCalls } from './held-calls.js';
import type { SessionPeers } from './peer-ports.js';
import { logoutDuringSlowRequest } from './slow-request.js';

/** One candidate's answers, by check: `ok`, what goes wrong, or `–` where it offers no such thing. */
export type Answers = ReadonlyMap<string, string>;

export interface CheckOptions {
  readonly redisUrl: string;
  readonly peers: SessionPeers;
}

export const CHECKS = [
  'a slow request does not bring back a session that was ended',
  'the same through HTTP, with a logout in between',
  '50 sign-ins at once are all listed',
  'all are ended, with one whose sign-in is under way',
  'of two saves of what was read once, one is refused',
  'of 20 changes of the token, one leaves a token',
  'no token is in Redis',
  'every key ends',
] as const;

const USER = 'ada';
const verdict = (isRight: boolean, wrong: string) => (isRight ? 'ok' : `FAIL: ${wrong}`);
const REVIVED = 'it is a session again';

function answers(found: Partial<Record<(typeof CHECKS)[number], string>>): Answers {
  return new Map(CHECKS.map((check) => [check, found[check] ?? '–']));
}

export async function checkStore(
  sessions: SessionStore,
  keyPrefix: string,
  { redisUrl }: CheckOptions,
): Promise<Answers> {
  const create = async (userId = USER) => (await sessions.create({ userId, data: { n: 1 } }))._unsafeUnwrap();
  const isSession = async (token: string) => (await sessions.get(token))._unsafeUnwrap() !== null;

  const slow = await create();
  const read = (await sessions.get(slow.token))._unsafeUnwrap();
  await sessions.revoke(slow.token);
  await sessions.update(slow.token, { data: read?.data, version: read?.version ?? 1 });
  await sessions.touch(slow.token);
  const isRevived = await isSession(slow.token);

  const together = await Promise.all(Array.from({ length: 50 }, () => create('together')));
  const listed = (await sessions.list('together'))._unsafeUnwrap();
  const epoch = (await sessions.epoch('together'))._unsafeUnwrap();
  await sessions.revokeAll('together');
  const late = await sessions.create({ userId: 'together', data: {}, epoch });
  const left = [...together.map(({ token }) => token), late.isOk() ? late.value.token : ''];
  const areLeft = (await Promise.all(left.map(isSession))).filter(Boolean).length;

  const shared = await create();
  const saves = [1, 2].map((n) => sessions.update(shared.token, { data: { n }, version: 1 }));
  const saved = (await Promise.all(saves)).filter((result) => result.isOk()).length;

  const rotates = await Promise.all(Array.from({ length: 20 }, () => sessions.rotate(shared.token)));
  const tokens = [shared.token, ...rotates.flatMap((result) => (result.isOk() ? [result.value.token] : []))];
  const valid = (await Promise.all(tokens.map(isSession))).filter(Boolean).length;
  const kept = await keptInRedis(redisUrl, keyPrefix);
  return answers({
    [CHECKS[0]]: verdict(!isRevived, REVIVED),
    [CHECKS[2]]: verdict(listed.length === 50, `${listed.length} of 50`),
    [CHECKS[3]]: verdict(areLeft === 0, `${areLeft} left`),
    [CHECKS[4]]: verdict(saved === 1, `${saved} were saved`),
    [CHECKS[5]]: verdict(valid === 1, `${valid} are valid`),
    [CHECKS[6]]: verdict(!tokens.some((token) => kept.text.includes(token.split('.')[2] ?? token)), 'it is'),
    [CHECKS[7]]: verdict(kept.endless === 0, `${kept.endless} do not`),
  });
}

export async function checkExpress(
  store: ExpressSessionMethods,
  keyPrefix: string,
  { redisUrl, peers }: CheckOptions,
): Promise<Answers> {
  const session = { cookie: { expires: new Date(Date.now() + 60_000), originalMaxAge: 60_000 }, n: 1 };
  const sid = randomUUID();
  await store.set(sid, session);
  const read = await store.get(sid);
  await store.destroy(sid);
  await store.set(sid, { ...read, n: 2 });
  await store.touch(sid, session);
  const isRevived = (await store.get(sid)) != null;

  const shared = randomUUID();
  await store.set(shared, session);
  const both = [await store.get(shared), await store.get(shared)];
  const saves = both.map((one, n) => store.set(shared, { ...one, n }));
  const saved = (await Promise.allSettled(saves)).filter(({ status }) => status === 'fulfilled').length;
  const kept = await keptInRedis(redisUrl, keyPrefix);
  return answers({
    [CHECKS[0]]: verdict(!isRevived, REVIVED),
    [CHECKS[1]]: verdict(!(await logoutDuringSlowRequest(peers.expressSession, store)), REVIVED),
    [CHECKS[4]]: verdict(saved === 1, `${saved} were saved`),
    [CHECKS[6]]: verdict(!kept.text.includes(shared), 'it is'),
    [CHECKS[7]]: verdict(kept.endless === 0, `${kept.endless} do not`),
  });
}

export async function checkBetterAuth(
  storage: BetterAuthStorage,
  keyPrefix: string,
  { redisUrl, peers }: CheckOptions,
): Promise<Answers> {
  const tokens = new Set<string>();
  const held = holdCalls(storage, 'set', (key) => tokens.has(`${key}`));
  const auth = await peers.openBetterAuth(held.held);
  const userId = await auth.createUser();
  const token = await auth.create(userId);
  tokens.add(token);

  const refresh = held.holdNext();
  const refreshing = auth.refresh(token);
  await refresh.reached;
  await auth.end(token);
  refresh.release();
  await refreshing;
  const isRevived = await auth.isSession(token);

  const together = await auth.createUser();
  const created = await Promise.all(Array.from({ length: 50 }, () => auth.create(together)));
  const listed = await auth.list(together);
  const areLeft = await endDuringSignIn(storage, peers);
  const kept = await keptInRedis(redisUrl, keyPrefix);
  return answers({
    [CHECKS[0]]: verdict(!isRevived, REVIVED),
    [CHECKS[2]]: verdict(listed.length === 50, `${listed.length} of 50`),
    [CHECKS[3]]: verdict(areLeft === 0, `${areLeft} left`),
    [CHECKS[6]]: verdict(!created.some((one) => kept.text.includes(one)), 'it is'),
    [CHECKS[7]]: verdict(kept.endless === 0, `${kept.endless} do not`),
  });
}

/** Ends all of a user's sessions while one is between its entry in the list and itself. How many are left. */
async function endDuringSignIn(storage: BetterAuthStorage, peers: SessionPeers): Promise<number> {
  const isList = (key: unknown) => `${key}`.startsWith('active-sessions-');
  const slow = holdCalls(storage, 'set', isList);
  const auth = await peers.openBetterAuth(slow.held);
  const userId = await auth.createUser();
  const first = await auth.create(userId);
  const listing = slow.holdNext();
  const signingIn = auth.create(userId);
  await listing.reached;
  // Its createdAt is before that; a millisecond must lie between for better-auth to see it.
  await new Promise((resolve) => setTimeout(resolve, 5));
  await auth.endAll(userId);
  listing.release();
  const tokens = [first, await signingIn];
  return (await Promise.all(tokens.map((token) => auth.isSession(token)))).filter(Boolean).length;
}

/** Names and values of all keys under a prefix, and how many of them never end. */
async function keptInRedis(redisUrl: string, keyPrefix: string): Promise<{ text: string; endless: number }> {
  const redis = new Redis(redisUrl);
  const keys = await redis.keys(`${keyPrefix}*`);
  let endless = 0;
  const texts = [...keys];
  for (const key of keys) {
    if ((await redis.pttl(key)) < 0) endless += 1;
    const type = await redis.type(key);
    texts.push(type === 'hash' ? JSON.stringify(await redis.hgetall(key)) : ((await redis.get(key)) ?? ''));
  }
  redis.disconnect();
  return { text: texts.join('\n'), endless };
}
