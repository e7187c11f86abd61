import { err, errAsync, ok, okAsync, type Result, ResultAsync } from 'neverthrow';
import { type InputIssue, invalidInput, type StoreError, storeError } from '../errors.js';
import type { Telemetry } from '../telemetry.js';
import { keyIssues, manyKeysIssues, storeIssues, ttlSecondsOf } from './cache-input.js';
import type {
  CacheLoadError,
  CacheReadError,
  CacheService,
  CacheSetOptions,
  CacheStats,
  CacheWriteError,
  LoadedValue,
  LoaderError,
} from './cache-service.js';
import { decode, encode, MAX_PAYLOAD_BYTES } from './codec.js';
import type { Fence } from './key-fences.js';
import { type Loader, runLoader } from './loader.js';
import { MemoryTier } from './memory-tier.js';
import type { RedisTier } from './redis-tier.js';
import { SharedValue } from './shared-value.js';
import { SingleFlight } from './single-flight.js';
import { ttlToMs } from './time-to-live.js';
import { TwoLevelStore } from './two-level-store.js';

export interface CacheServiceOptions {
  /** Bound on memory, see `CacheStats.bytes`. */
  readonly memoryMaxBytes: number;
  /** `null`: memory only. */
  readonly redis: RedisTier | null;
  readonly clock: () => number;
  readonly telemetry: Telemetry;
}

interface Fetched {
  readonly shared: SharedValue;
  readonly isLoaded: boolean;
}

/** Makes the cache; connects to nothing before its first call. */
export function createCacheService({
  memoryMaxBytes,
  redis,
  clock,
  telemetry,
}: CacheServiceOptions): CacheService {
  const memory = new MemoryTier({ maxBytes: memoryMaxBytes, clock });
  return new TwoLevelCache(memory, redis, new TwoLevelStore({ memory, redis, clock, telemetry }));
}

class TwoLevelCache implements CacheService {
  readonly #memory: MemoryTier;
  readonly #redis: RedisTier | null;
  readonly #store: TwoLevelStore;
  readonly #flights: SingleFlight<Result<Fetched, CacheLoadError>>;
  readonly #count = { memoryHits: 0, redisHits: 0, misses: 0, loads: 0, sharedLoads: 0, refusedFills: 0 };
  #isClosed = false;

  constructor(memory: MemoryTier, redis: RedisTier | null, store: TwoLevelStore) {
    this.#memory = memory;
    this.#redis = redis;
    this.#store = store;
    this.#flights = new SingleFlight(store.fences);
  }

  get<T>(key: string): ResultAsync<T | undefined, CacheReadError> {
    const refusal = this.#refusal('cache.get', keyIssues(key));
    if (refusal !== undefined) return errAsync(refusal);
    const inMemory = this.#inMemory(key);
    if (inMemory !== undefined) return okAsync(inMemory.value as T);
    return ResultAsync.fromSafePromise(this.#inRedis([key]).then((found) => found.get(key) as T | undefined));
  }

  getMany<T>(keys: readonly string[]): ResultAsync<ReadonlyMap<string, T>, CacheReadError> {
    const refusal = this.#refusal('cache.getMany', manyKeysIssues(keys));
    if (refusal !== undefined) return errAsync(refusal);
    const found = new Map<string, T>();
    const missing: string[] = [];
    for (const key of new Set(keys)) {
      const inMemory = this.#inMemory(key);
      if (inMemory !== undefined) found.set(key, inMemory.value as T);
      else missing.push(key);
    }
    if (missing.length === 0) return okAsync(found);
    return ResultAsync.fromSafePromise(
      this.#inRedis(missing).then((values) => {
        for (const [key, value] of values) found.set(key, value as T);
        return found;
      }),
    );
  }

  set(key: string, value: unknown, options?: CacheSetOptions): ResultAsync<void, CacheWriteError> {
    const operation = 'cache.set';
    const refusal = this.#refusal(operation, storeIssues(key, options));
    if (refusal !== undefined) return errAsync(refusal);
    const encoding = encode(value);
    if (encoding.kind === 'refused')
      return errAsync(refusedValue(operation, encoding.reason, encoding.cause));
    if (encoding.bytes > MAX_PAYLOAD_BYTES) return errAsync(refusedValue(operation, TOO_LARGE));
    return confirmed(operation, this.#store.write(key, encoding.payload, ttlToMs(ttlSecondsOf(options))));
  }

  delete(key: string): ResultAsync<void, CacheWriteError> {
    const operation = 'cache.delete';
    const refusal = this.#refusal(operation, keyIssues(key));
    if (refusal !== undefined) return errAsync(refusal);
    return confirmed(operation, this.#store.remove(key));
  }

  getOrSet<L>(
    key: string,
    loader: () => PromiseLike<L>,
    options?: CacheSetOptions,
  ): ResultAsync<LoadedValue<L>, LoaderError<L> | CacheLoadError> {
    const refusal = this.#refusal('cache.getOrSet', storeIssues(key, options));
    if (refusal !== undefined) return errAsync(refusal);
    const inMemory = this.#inMemory(key);
    if (inMemory !== undefined) return okAsync(inMemory.value as LoadedValue<L>);
    const ttlMs = ttlToMs(ttlSecondsOf(options));
    const { landing, isShared } = this.#flights.join(key, (fence) => this.#fetch(key, loader, ttlMs, fence));
    if (isShared) this.#count.sharedLoads += 1;
    return new ResultAsync(landing.then((fetched) => this.#counted(fetched))).map(
      ({ shared }) => shared.take() as LoadedValue<L>,
    );
  }

  stats(): CacheStats {
    const redis = this.#redis;
    return {
      ...this.#count,
      redisFailures: redis?.failures ?? 0,
      redis: redis === null ? 'off' : redis.isDown ? 'down' : 'up',
      entries: this.#memory.entries,
      bytes: this.#memory.bytes,
    };
  }

  close(): void {
    this.#isClosed = true;
    this.#store.close();
  }

  async #fetch(
    key: string,
    loader: Loader,
    ttlMs: number,
    fence: Fence,
  ): Promise<Result<Fetched, CacheLoadError>> {
    const operation = 'cache.getOrSet';
    const inRedis = (await this.#store.inRedis([key])).get(key);
    if (inRedis !== undefined) return ok({ shared: new SharedValue(inRedis), isLoaded: false });

    this.#count.loads += 1;
    const loaded = await runLoader(operation, loader);
    if (loaded.isErr()) return err(loaded.error);
    const encoding = encode(loaded.value);
    if (encoding.kind === 'refused') return err(refusedValue(operation, encoding.reason, encoding.cause));
    const decoding = decode(encoding.payload);
    if (decoding.kind !== 'decoded') return err(refusedValue(operation, 'must not be nested this deeply'));

    const isStored =
      encoding.bytes <= MAX_PAYLOAD_BYTES && (await this.#store.fill(key, fence, encoding.payload, ttlMs));
    if (!isStored) this.#count.refusedFills += 1;
    return ok({ shared: new SharedValue({ ...encoding, value: decoding.value }), isLoaded: true });
  }

  #counted<R extends Result<Fetched, CacheLoadError>>(fetched: R): R {
    if (fetched.isOk() && !fetched.value.isLoaded) this.#count.redisHits += 1;
    else this.#count.misses += 1;
    return fetched;
  }

  #inMemory(key: string): { readonly value: unknown } | undefined {
    const found = this.#store.inMemory(key);
    if (found !== undefined) this.#count.memoryHits += 1;
    return found;
  }

  async #inRedis(keys: readonly string[]): Promise<ReadonlyMap<string, unknown>> {
    const found = await this.#store.inRedis(keys);
    this.#count.redisHits += found.size;
    this.#count.misses += keys.length - found.size;
    return new Map([...found].map(([key, { value }]) => [key, value]));
  }

  #refusal(
    operation: string,
    issues: readonly InputIssue[],
  ): StoreError<'invalid-input'> | StoreError<'closed'> | undefined {
    if (this.#isClosed) return storeError('closed', operation, 'the cache was closed');
    return issues.length > 0 ? invalidInput(operation, issues) : undefined;
  }
}

const TOO_LARGE = `must be at most ${MAX_PAYLOAD_BYTES} bytes when encoded`;

function refusedValue(operation: string, reason: string, cause?: unknown): StoreError<'invalid-input'> {
  return invalidInput(operation, [{ path: 'value', message: reason }], cause);
}

function confirmed(operation: string, isConfirmed: Promise<boolean>): ResultAsync<void, CacheWriteError> {
  return ResultAsync.fromSafePromise(isConfirmed).andThen((isDone) =>
    isDone ? ok(undefined) : err(storeError('unavailable', operation, NOT_CONFIRMED)),
  );
}

const NOT_CONFIRMED =
  'Redis did not confirm it in time; this process will not serve the old value, others may until Redis is back';
