import { createHash } from 'node:crypto';
import type { RedisClient } from './redis-client.js';

/** A Lua script and the name under which a server that has seen it runs it. */
export interface RedisScript {
  readonly lua: string;
  readonly hash: string;
}

export type ScriptArgument = string | number | Buffer;

/** To be called once for each script, where its module is loaded. */
export function defineScript(lua: string): RedisScript {
  return { lua, hash: createHash('sha1').update(lua).digest('hex') };
}

/**
 * Runs a script by its hash, in one trip; once more with its text where the server does not know it.
 *
 * Safe for scripts that count or write: NOSCRIPT is said before anything was run, and no other error is tried
 * again. In a cluster all keys must be of one slot. `isOver`: whether its caller has given up, so that it must not
 * take effect any more.
 */
export function runScript(
  client: RedisClient,
  script: RedisScript,
  keys: readonly string[],
  scriptArguments: readonly ScriptArgument[] = [],
  isOver: () => boolean = () => false,
): Promise<unknown> {
  return client.evalsha(script.hash, keys.length, ...keys, ...scriptArguments).catch((error: unknown) => {
    // A server that has not seen the script, or has forgotten it in a restart. EVAL brings it along.
    if (!(error instanceof Error && error.message.startsWith('NOSCRIPT')) || isOver()) throw error;
    return client.eval(script.lua, keys.length, ...keys, ...scriptArguments);
  });
}
