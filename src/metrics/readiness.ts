import { sql } from 'drizzle-orm';
import type { Executor } from '../database/executor.js';
import type { PoolState } from '../database/managed-pool.js';
import { compileStatement } from '../database/statement.js';
import type { ReadErrorKind } from '../errors.js';
import type { RedisLink } from '../redis/redis-link.js';

/**
 * - `up`: answered within the deadline.
 * - `busy`: every connection of the pool is in use, and calls do end: the server answers, this call had no turn.
 * - `down`: no answer within the deadline, or an error.
 */
export interface DatabaseStanding {
  readonly state: 'up' | 'busy' | 'down';
  /** How long the answer took, or what it was waited for. */
  readonly tookMs: number;
  /** Of a database that is not `up`; `deadline` where the answer was late. */
  readonly reason: ReadErrorKind | 'deadline' | null;
}

export interface RedisStanding {
  /** `off`: the store has none. */
  readonly state: 'up' | 'down' | 'off';
  readonly tookMs: number;
}

/** Whether calls can be served. */
export interface StoreHealth {
  /** `degraded`: calls are served, more slowly: Redis is down, or the pool is busy. `unavailable`: they fail. */
  readonly status: 'ready' | 'degraded' | 'unavailable';
  readonly database: DatabaseStanding;
  readonly redis: RedisStanding;
  readonly timestamp: Date;
}

export interface HealthOptions {
  /** Bound on the whole call, 1–60,000; default 1,000. What lies outside is brought inside. */
  readonly deadlineMs?: number;
}

export interface ReadinessParts {
  readonly executor: Executor;
  readonly pool: (() => PoolState) | null;
  readonly redis: Pick<RedisLink, 'run' | 'isDown'> | null;
  readonly clock: () => number;
}

const DEFAULT_DEADLINE_MS = 1_000;
const MAX_DEADLINE_MS = 60_000;

const selectOne = compileStatement<object, object>('store.health', sql`select 1`);

/** One trip to each server, side by side; calls with the same deadline that come meanwhile share it. */
export function createReadiness(parts: ReadinessParts): (options?: HealthOptions) => Promise<StoreHealth> {
  // A call of a short deadline must not wait for one of a long deadline.
  const running = new Map<number, Promise<StoreHealth>>();
  return ({ deadlineMs = DEFAULT_DEADLINE_MS } = {}) => {
    const bound = boundOf(deadlineMs);
    let answer = running.get(bound);
    if (answer === undefined) {
      answer = check(parts, bound).finally(() => running.delete(bound));
      running.set(bound, answer);
    }
    return answer;
  };
}

async function check(parts: ReadinessParts, deadlineMs: number): Promise<StoreHealth> {
  const [database, redis] = await Promise.all([
    databaseStanding(parts, deadlineMs),
    redisStanding(parts.redis, deadlineMs),
  ]);
  return { status: statusOf(database, redis), database, redis, timestamp: new Date(parts.clock()) };
}

function statusOf(database: DatabaseStanding, redis: RedisStanding): StoreHealth['status'] {
  if (database.state === 'down') return 'unavailable';
  return database.state === 'busy' || redis.state === 'down' ? 'degraded' : 'ready';
}

async function databaseStanding(
  { executor, pool }: ReadinessParts,
  deadlineMs: number,
): Promise<DatabaseStanding> {
  const started = performance.now();
  const late = new AbortController();
  // The signal frees the connection of a server that hangs, which takes a moment; nobody waits for that.
  const answer = executor.read(selectOne, {}, { signal: late.signal }).match(
    () => null,
    ({ kind }) => kind,
  );
  const reason = await within(deadlineMs, answer, 'deadline' as const);
  const tookMs = performance.now() - started;
  if (reason === null) return { state: 'up', tookMs, reason };
  late.abort();
  const noTurn = reason === 'deadline' || reason === 'pool-exhausted';
  return { state: noTurn && isBusy(pool, started) ? 'busy' : 'down', tookMs, reason };
}

/** Full, and somebody's call has ended since. */
function isBusy(pool: ReadinessParts['pool'], since: number): boolean {
  if (pool === null) return false;
  const { idle, total, max, returnedAtMs } = pool();
  return idle === 0 && total >= max && returnedAtMs !== null && returnedAtMs > since;
}

async function redisStanding(redis: ReadinessParts['redis'], deadlineMs: number): Promise<RedisStanding> {
  if (redis === null) return { state: 'off', tookMs: 0 };
  const started = performance.now();
  const answer = redis.run((client) => client.ping()).then(({ kind }) => kind === 'answer');
  const isUp = await within(deadlineMs, answer, false);
  return { state: isUp ? 'up' : 'down', tookMs: performance.now() - started };
}

function boundOf(deadlineMs: number): number {
  return Number.isFinite(deadlineMs)
    ? Math.min(MAX_DEADLINE_MS, Math.max(1, deadlineMs))
    : DEFAULT_DEADLINE_MS;
}

async function within<T, L>(ms: number, answer: Promise<T>, late: L): Promise<T | L> {
  let timer: NodeJS.Timeout | undefined;
  const timeUp = new Promise<L>((resolve) => {
    timer = setTimeout(resolve, ms, late);
  });
  return Promise.race([answer, timeUp]).finally(() => clearTimeout(timer));
}
