import { err, ok, ResultAsync } from 'neverthrow';
import { deleteAll, type RedisClient, serversOf } from '../redis/redis-client.js';
import type { RedisLink } from '../redis/redis-link.js';
import { defineScript, type RedisScript, runScript, type ScriptArgument } from '../redis/redis-script.js';
import { escapeGlob, scanStep } from '../redis/scan-keys.js';
import { ENDED_FOR_MS, type ForeignTier } from './foreign-sessions.js';
import { unconfirmed } from './session-errors.js';
import type { SessionError } from './session-store.js';

// In the place of a text that was ended: what no library writes, as a literal of Lua.
const ENDED = "'\\0ended'";
const isEnded = `redis.call('GET', KEYS[1]) == ${ENDED}`;

const GET = defineScript(`
local text = redis.call('GET', KEYS[1])
if text == ${ENDED} then return nil end
return text
`);

const SET = defineScript(`
if ARGV[3] == '' and ${isEnded} then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
`);

const TOUCH = defineScript(`
if ${isEnded} then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[1])
`);

const END = defineScript(`
local text = redis.call('GET', KEYS[1])
redis.call('SET', KEYS[1], ${ENDED}, 'PX', ARGV[1])
return text and text ~= ${ENDED} and 1 or 0
`);

const TAKE = defineScript(`
local text = redis.call('GET', KEYS[1])
if not text or text == ${ENDED} then return nil end
redis.call('DEL', KEYS[1])
return text
`);

const INCREMENT = defineScript(`
if ${isEnded} then redis.call('DEL', KEYS[1]) end
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return count
`);

/** Texts that processes share, each under a key of its own. Every method but the last two is one command. */
export function createRedisForeignSessions(link: RedisLink, keyPrefix: string): ForeignTier {
  const keyOf = (name: string) => `${keyPrefix}foreign-session:${name}`;

  function send<T>(
    operation: string,
    work: (client: RedisClient) => Promise<T>,
  ): ResultAsync<T, SessionError> {
    return ResultAsync.fromSafePromise(link.run(work, operation)).andThen((reply) =>
      reply.kind === 'answer' ? ok(reply.value) : err(unconfirmed(operation)),
    );
  }

  const run = (operation: string, script: RedisScript, name: string, ...scriptArguments: ScriptArgument[]) =>
    send(operation, (client) => runScript(client, script, [keyOf(name)], scriptArguments));

  /** Does something with all keys that begin so, a step at a time with a deadline each. */
  async function walk<T>(
    operation: string,
    start: string,
    work: (client: RedisClient, keys: readonly string[]) => Promise<T>,
  ) {
    const servers = await send(operation, async (client) => serversOf(client));
    if (servers.isErr()) return err(servers.error);
    const done: T[] = [];
    for (const server of servers.value) {
      let cursor = '0';
      do {
        const step = await send(operation, async (client) => {
          const { next, keys } = await scanStep(client, server, `${escapeGlob(keyOf(start))}*`, cursor);
          return { next, done: await work(client, keys) };
        });
        if (step.isErr()) return err(step.error);
        cursor = step.value.next;
        done.push(step.value.done);
      } while (cursor !== '0');
    }
    return ok(done);
  }

  return {
    get: (operation, name) => run(operation, GET, name).map(textOf),
    set: (operation, name, text, ttlMs, revives) =>
      run(operation, SET, name, text, ttlMs, revives ? 'revives' : '').map(isOne),
    touch: (operation, name, ttlMs) => run(operation, TOUCH, name, ttlMs).map(isOne),
    end: (operation, name) => run(operation, END, name, ENDED_FOR_MS).map(isOne),
    take: (operation, name) => run(operation, TAKE, name).map(textOf),
    increment: (operation, name, ttlMs) => run(operation, INCREMENT, name, ttlMs).map(Number),
    texts(operation, start) {
      // SCAN may tell of a key twice.
      const texts = new Map<string, string>();
      const walked = walk(operation, start, (client, keys) =>
        Promise.all(
          keys.map(async (key) => {
            const text = textOf(await runScript(client, GET, [key]));
            if (text !== null) texts.set(key, text);
          }),
        ),
      );
      return new ResultAsync(walked).map(() => [...texts.values()]);
    },
    clear: (operation, start) => new ResultAsync(walk(operation, start, deleteAll)).map(() => undefined),
    close: () => undefined,
  };
}

function textOf(answer: unknown): string | null {
  return typeof answer === 'string' ? answer : null;
}

function isOne(answer: unknown): boolean {
  return answer === 1;
}
