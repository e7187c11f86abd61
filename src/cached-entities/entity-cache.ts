import type { ResultAsync } from 'neverthrow';
import type { CacheNamespace, CacheService } from '../cache/cache-service.js';
import { cacheReads } from './cached-reads.js';
import { type EntityRepositories, type Note, noted, noteWrites } from './noted-writes.js';
import { type Entity, entityKey, type Outdated } from './outdated.js';

export interface EntityCacheOptions {
  /** Bound on what a change past the store, by SQL of one's own, can leave outdated. */
  readonly ttlSeconds: number;
}

/**
 * Users, chats and the latest messages through the cache. Every write of the store ends what it has made
 * outdated before it is acknowledged, one in a transaction after the commit; what is rolled back ends nothing.
 *
 * A load that began before the commit cannot be stored after it, in any process: the invalidation takes its lease.
 * A process that dies between its commit and the invalidation leaves the old row to its TTL; its caller was
 * never told of a success.
 */
export class EntityCache<Repositories extends EntityRepositories> {
  /** Those on the pool, through the cache. */
  readonly repositories: Repositories;
  readonly #cache: CacheNamespace;
  /** Key → whether it was written again while it is read. */
  readonly #refreshing = new Map<string, boolean>();

  constructor(cache: CacheService, onPool: Repositories, { ttlSeconds }: EntityCacheOptions) {
    this.#cache = cache.namespace('entities', { ttlSeconds, jitter: 0.1, backoffMs: 0, values: 'copied' });
    this.repositories = cacheReads(
      noteWrites(onPool, (outdated) => this.#end([outdated])),
      this.#cache,
    );
  }

  /**
   * Runs a transaction, whose repositories are to be made with {@link noteWrites} and the log of their attempt. They read past the
   * cache: a transaction sees its own writes.
   */
  afterCommit<T, E>(run: (begin: () => Note) => ResultAsync<T, E>): ResultAsync<T, E> {
    let log: Outdated[] = [];
    const begin = (): Note => {
      // A transaction that lost against another begins anew: what it did before was rolled back.
      const ofAttempt: Outdated[] = [];
      log = ofAttempt;
      return (outdated) => void ofAttempt.push(outdated);
    };
    return noted(run(begin), () => this.#end(log));
  }

  /**
   * Where Redis does not confirm it, the cache itself sees to it once Redis is back; the write has been done, and is no failure.
   */
  async #end(all: readonly Outdated[]): Promise<void> {
    const keys = new Set(all.flatMap(({ entities }) => entities.map(entityKey)));
    const tags = new Set(all.flatMap((outdated) => outdated.tags));
    const inUse = all
      .filter(({ entities, isGone }) => !isGone && entities.some((one) => this.#isInUse(entityKey(one))))
      .flatMap(({ entities }) => entities);
    await Promise.all([
      ...inBatches([...keys]).map((batch) => this.#cache.deleteMany(batch)),
      ...inBatches([...tags]).map((batch) => this.#cache.invalidateTags(batch)),
    ]);
    for (const entity of inUse) void this.#refresh(entity);
  }

  #isInUse(key: string): boolean {
    return this.#refreshing.has(key) || this.#cache.peek(key) !== undefined;
  }

  /**
   * Reads what is in use here again, before it is asked for: in a chat one message follows the other, and each would
   * make the next reader wait. One at a time, and once more where it was written meanwhile.
   */
  async #refresh(entity: Entity): Promise<void> {
    const key = entityKey(entity);
    const isRunning = this.#refreshing.has(key);
    this.#refreshing.set(key, isRunning);
    if (isRunning) return;
    do {
      this.#refreshing.set(key, false);
      await this.#read(entity);
    } while (this.#refreshing.get(key));
    this.#refreshing.delete(key);
  }

  /** Whoever asks for it next is told what went wrong. */
  async #read(entity: Entity): Promise<void> {
    const { users, chats, messages } = this.repositories;
    if (entity.kind === 'user') await users.findById(entity.userId);
    else if (entity.kind === 'chat') await chats.findById(refOf(entity));
    else if (entity.kind === 'history') await messages.history(refOf(entity));
  }
}

const refOf = ({ userId, chatId }: { userId: string; chatId: string }) => ({ userId, chatId });

/** What one call of the cache takes. */
const MAX_KEYS = 1_000;

function inBatches(names: readonly string[]): string[][] {
  const batches: string[][] = [];
  for (let from = 0; from < names.length; from += MAX_KEYS) batches.push(names.slice(from, from + MAX_KEYS));
  return batches;
}
