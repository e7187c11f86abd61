// A process of its own that uses sessions: bundled by worker-process.ts, told what to do by its arguments.

import { createMacroStore } from '../../src/create-macro-store.js';

export interface SessionWorkerInput {
  readonly redisUrl: string;
  readonly keyPrefix: string;
  /** How far this process's clock is ahead. */
  readonly skewMs: number;
  readonly userId: string;
  /** Sessions to begin at once. */
  readonly logins: number;
  readonly idleSeconds: number;
  /** Tokens of others to look at. */
  readonly tokens: readonly string[];
}

export interface SessionWorkerOutput {
  readonly tokens: readonly string[];
  readonly ids: readonly string[];
  readonly listed: number;
  /** For each of the tokens that were given, whether it is a session's. */
  readonly found: readonly boolean[];
}

const input = JSON.parse(process.argv[2] ?? '') as SessionWorkerInput;
const send = (message: unknown) => new Promise((resolve) => process.send?.(message, resolve));

const realNow = Date.now;
Date.now = () => realNow() + input.skewMs;

// The test is gone, or the work is done.
process.once('disconnect', () => process.exit());

const { redisUrl, keyPrefix, userId, idleSeconds, logins } = input;
const store = createMacroStore({
  redis: { url: redisUrl, keyPrefix, commandTimeoutMillis: 10_000 },
  sessions: { maxPerUser: 1_000 },
});
await store.sessions.list(userId);
const go = new Promise((resolve) => process.once('message', resolve));
await send('ready');
await go;

const created = await Promise.all(
  Array.from({ length: logins }, () => store.sessions.create({ userId, data: { logins }, idleSeconds })),
);
const issued = created.map((result) => result._unsafeUnwrap());
const found: boolean[] = [];
for (const token of input.tokens)
  found.push((await store.sessions.get(token, { touch: false }))._unsafeUnwrap() !== null);
const output: SessionWorkerOutput = {
  tokens: issued.map(({ token }) => token),
  ids: issued.map(({ session }) => session.id),
  listed: (await store.sessions.list(userId))._unsafeUnwrap().length,
  found,
};
await send(output);
await store.close();
process.disconnect?.();
