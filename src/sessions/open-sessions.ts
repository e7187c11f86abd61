import type { Executor } from '../database/executor.js';
import type { RedisLink } from '../redis/redis-link.js';
import type { Telemetry } from '../telemetry.js';
import { createSessionStore } from './create-session-store.js';
import { createDurableSessions } from './durable-sessions.js';
import { createMemoryForeignSessions } from './memory-foreign-sessions.js';
import { createMemorySessions } from './memory-sessions.js';
import { createPostgresSessions } from './postgres-sessions.js';
import { createRedisForeignSessions } from './redis-foreign-sessions.js';
import { createRedisFront } from './redis-front.js';
import { createRedisSessions } from './redis-sessions.js';
import { toMs } from './session-input.js';
import type { SessionStore } from './session-store.js';
import type { SessionLimit, SessionTier } from './session-tier.js';

export interface OpenSessionsOptions extends SessionLimit {
  readonly idleSeconds: number;
  readonly lifetimeSeconds: number;
  readonly touchIntervalSeconds: number;
  readonly maxDataBytes: number;
  /** `null`: without Redis. */
  readonly redis: { readonly link: RedisLink; readonly keyPrefix: string } | null;
  /** Keeps them in PostgreSQL too, or, without Redis, there; `null`: does not. */
  readonly executor: Executor | null;
  readonly telemetry: Telemetry;
  /** Of the sessions in memory; those in Redis go by its clock. */
  readonly clock: () => number;
}

export interface OpenSessions {
  readonly store: SessionStore;
  /** Calls after it are `closed`. The connection is its owner's to end. */
  close(): void;
}

/** The session store over what there is to keep them in. */
export function openSessions(options: OpenSessionsOptions): OpenSessions {
  const tier = openTier(options);
  const { redis, clock } = options;
  const foreign =
    redis === null
      ? createMemoryForeignSessions(clock)
      : createRedisForeignSessions(redis.link, redis.keyPrefix);
  let isClosed = false;
  return {
    store: createSessionStore({ ...options, tier, foreign, isClosed: () => isClosed }),
    close() {
      isClosed = true;
      tier.close();
      foreign.close();
    },
  };
}

function openTier({
  redis,
  executor,
  telemetry,
  clock,
  maxPerUser,
  whenFull,
  touchIntervalSeconds,
}: OpenSessionsOptions): SessionTier {
  const touchIntervalMs = touchIntervalSeconds === 0 ? 0 : toMs(touchIntervalSeconds);
  const limits = { maxPerUser, whenFull, touchIntervalMs };
  const rows = executor && createPostgresSessions(executor, limits);
  if (redis === null) return rows ?? createMemorySessions({ ...limits, clock });
  const { link, keyPrefix } = redis;
  if (rows === null) return createRedisSessions(link, { ...limits, keyPrefix });
  return createDurableSessions({
    rows,
    openShared: (onTouched) => createRedisSessions(link, { ...limits, keyPrefix, onTouched }),
    front: createRedisFront(link, keyPrefix),
    telemetry,
  });
}
