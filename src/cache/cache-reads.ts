import { err, errAsync, ok, okAsync, type Result, ResultAsync } from 'neverthrow';
import { storeError } from '../errors.js';
import { type Timed, withDeadline } from '../redis/deadline.js';
import { keyIssues, manyKeysIssues, optionsIssues } from './cache-input.js';
import type { BatchLoadContext, CacheLoadOptions, LoadContext } from './cache-options.js';
import type { CachePolicy } from './cache-policy.js';
import type { CacheScope } from './cache-scope.js';
import type { CacheLoadError, CacheReadError } from './cache-service.js';
import type { CachedValue } from './cached-value.js';
import type { Landed, LoadRequest } from './loading.js';
import type { Kept } from './memory-tier.js';
import type { KeyRequest } from './read-through.js';
import { NO_LEASE } from './reading.js';

type Answer = Result<unknown, CacheLoadError>;
export type OneLoader = (context: LoadContext) => PromiseLike<unknown>;
export type ManyLoader = (missingKeys: readonly string[], context: BatchLoadContext) => PromiseLike<unknown>;

/** The reading calls of one namespace. */
export class CacheReads {
  readonly #scope: CacheScope;

  constructor(scope: CacheScope) {
    this.#scope = scope;
  }

  peek(key: string): unknown {
    const kept = this.#scope.inMemory(key);
    return kept === undefined ? undefined : this.#valueOf(kept.value);
  }

  get(key: string): ResultAsync<unknown, CacheReadError> {
    const { parts } = this.#scope;
    const kept = this.#scope.inMemory(key);
    if (kept !== undefined) return this.#hit(kept);
    const refusal = this.#scope.refusal('cache.get', keyIssues(key));
    if (refusal !== undefined) return errAsync(refusal);
    const name = this.#scope.name(key);
    if (parts.redis === null) {
      parts.counts.misses += 1;
      return okAsync(undefined);
    }
    return ResultAsync.fromSafePromise(this.#inRedis([name]).then((found) => found.get(name)));
  }

  getMany(keys: readonly string[]): ResultAsync<ReadonlyMap<string, unknown>, CacheReadError> {
    const refusal = this.#scope.refusal('cache.getMany', manyKeysIssues(keys));
    if (refusal !== undefined) return errAsync(refusal);
    const found = new Map<string, unknown>();
    const missing = this.#withoutHits(keys, found);
    if (missing.size === 0) return okAsync(found);
    return ResultAsync.fromSafePromise(
      this.#inRedis([...missing.keys()]).then((values) => {
        for (const [name, value] of values) found.set(missing.get(name) ?? '', value);
        return inOrderOf(keys, found);
      }),
    );
  }

  getOrSet(
    key: string,
    loader: OneLoader,
    options: CacheLoadOptions | undefined,
  ): ResultAsync<unknown, CacheLoadError> {
    const { defaults } = this.#scope;
    if (!(options?.skipCache ?? defaults.skipCache ?? false)) {
      const kept = this.#scope.inMemory(key);
      if (kept !== undefined) {
        if ((options?.earlyRefresh ?? defaults.earlyRefresh ?? 0) > 0)
          this.#refreshEarly(this.#request(key, loader, options), kept);
        return this.#hit(kept);
      }
    }
    const refusal = this.#scope.refusal('cache.getOrSet', [...keyIssues(key), ...optionsIssues(options)]);
    if (refusal !== undefined) return errAsync(refusal);
    return new ResultAsync(this.#load(this.#request(key, loader, options)));
  }

  getOrSetMany(
    keys: readonly string[],
    loader: ManyLoader,
    options: CacheLoadOptions | undefined,
  ): ResultAsync<ReadonlyMap<string, unknown>, CacheLoadError> {
    const refusal = this.#scope.refusal('cache.getOrSetMany', [
      ...manyKeysIssues(keys),
      ...optionsIssues(options),
    ]);
    if (refusal !== undefined) return errAsync(refusal);
    const policy = this.#scope.policy(options);
    const found = new Map<string, unknown>();
    const missing = policy.skipCache
      ? new Map(keys.map((key) => [this.#scope.name(key), key]))
      : this.#withoutHits(keys, found);
    if (missing.size === 0) return okAsync(found);
    const loading = this.#loadMany(this.#manyRequest(missing, loader, policy), missing, found);
    return new ResultAsync(loading).map((all) => inOrderOf(keys, all));
  }

  #hit(kept: Kept): ResultAsync<unknown, never> {
    this.#scope.parts.counts.memoryHits += 1;
    return this.#scope.isCopying ? okAsync(kept.value.own()) : kept.value.settled();
  }

  #valueOf(value: CachedValue): unknown {
    return this.#scope.isCopying ? value.own() : value.shared();
  }

  /** Fills `found`, and gives what is missing: names with their keys. */
  #withoutHits(keys: readonly string[], found: Map<string, unknown>): Map<string, string> {
    const missing = new Map<string, string>();
    for (const key of new Set(keys)) {
      const kept = this.#scope.inMemory(key);
      if (kept === undefined) missing.set(this.#scope.name(key), key);
      else found.set(key, this.#valueOf(kept.value));
    }
    this.#scope.parts.counts.memoryHits += found.size;
    return missing;
  }

  async #inRedis(names: readonly string[]): Promise<ReadonlyMap<string, unknown>> {
    const { store, counts } = this.#scope.parts;
    const looks = await store.look(names, NO_LEASE, this.#scope.schema);
    const found = new Map<string, unknown>();
    names.forEach((name, place) => {
      const look = looks?.[place];
      if (look?.kind === 'fresh') found.set(name, this.#valueOf(look.found.value));
    });
    counts.redisHits += found.size;
    counts.misses += names.length - found.size;
    return found;
  }

  #request(key: string, loader: OneLoader, options: CacheLoadOptions | undefined): KeyRequest {
    const name = this.#scope.name(key);
    return {
      operation: 'cache.getOrSet',
      names: [name],
      load: (_, decision) => loader(decision),
      valuesOf: (loaded) => new Map([[name, loaded]]),
      policy: this.#scope.policy(options),
      schema: this.#scope.schema,
    };
  }

  #manyRequest(keyOf: ReadonlyMap<string, string>, loader: ManyLoader, policy: CachePolicy): LoadRequest {
    const keysOf = (names: readonly string[]) => names.map((name) => keyOf.get(name) ?? '');
    return {
      operation: 'cache.getOrSetMany',
      names: [...keyOf.keys()],
      load: (names, decision) => loader(keysOf(names), decision),
      valuesOf: (loaded, names) => {
        if (!(loaded instanceof Map)) return undefined;
        const there = names.filter((name) => loaded.has(keyOf.get(name)));
        return new Map(there.map((name) => [name, loaded.get(keyOf.get(name))]));
      },
      policy,
      schema: this.#scope.schema,
    };
  }

  #refreshEarly(request: KeyRequest, { freshUntil, loadMs }: Kept): void {
    const { memory, readThrough } = this.#scope.parts;
    readThrough.refreshEarly(request, { freshMs: freshUntil - memory.now, loadMs });
  }

  async #load(request: KeyRequest): Promise<Answer> {
    const { readThrough, counts } = this.#scope.parts;
    const { policy, operation } = request;
    if (policy.skipCache) return this.#loadPastCache(request);
    for (;;) {
      const { landing, isShared } = readThrough.read(request);
      if (isShared) counts.sharedLoads += 1;
      const timed = await within(policy.hardDeadlineMs, landing);
      if (timed === null) return this.#late(operation, policy);
      if (timed.isErr()) return this.#missed(timed);
      const landed = timed.value;
      // A call for many keys was loading it and found nothing, which is no answer to this one.
      if (landed === null) continue;
      return ok(this.#valueOf(this.#counted(await this.#softened(landed, policy)).value));
    }
  }

  async #loadMany(
    request: LoadRequest,
    keyOf: ReadonlyMap<string, string>,
    found: Map<string, unknown>,
  ): Promise<Result<ReadonlyMap<string, unknown>, CacheLoadError>> {
    const { readThroughMany, counts } = this.#scope.parts;
    const { policy, operation } = request;
    const reading = policy.skipCache ? this.#pastCache(request) : readThroughMany.read(request);
    const read = await within(policy.hardDeadlineMs, reading);
    if (read === null) return this.#late(operation, policy);
    counts.sharedLoads += read.shared.size;
    for (const [name, landing] of read.landings) {
      if (landing.isErr()) return this.#missed(err<never, CacheLoadError>(landing.error));
      if (landing.value === null) counts.misses += 1;
      else found.set(keyOf.get(name) ?? '', this.#valueOf(this.#counted(landing.value).value));
    }
    return ok(found);
  }

  async #pastCache(request: LoadRequest) {
    const grant = { lease: null, tags: [], mayKeep: null, previous: null };
    const landings = await this.#scope.parts.loading.run(request, grant);
    return { landings, shared: new Set<string>() };
  }

  async #loadPastCache(request: KeyRequest): Promise<Answer> {
    const { landings } = await this.#pastCache(request);
    const landing = landings.get(request.names[0]) ?? ok(null);
    return landing.map((landed) => landed && this.#valueOf(this.#counted(landed).value));
  }

  /** The new value instead of a stale one, if it comes in time. */
  #softened(landed: Landed, { softDeadlineMs }: CachePolicy): Landed | Promise<Landed> {
    if (landed.refreshing === null || softDeadlineMs === 0) return landed;
    return within(softDeadlineMs, landed.refreshing).then((refreshed) =>
      refreshed?.isOk() && refreshed.value !== null ? refreshed.value : landed,
    );
  }

  #counted(landed: Landed): Landed {
    const { counts } = this.#scope.parts;
    if (landed.source === 'redis') counts.redisHits += 1;
    else if (landed.source === 'stale') counts.staleServed += 1;
    else counts.misses += 1;
    return landed;
  }

  #missed<E extends Result<unknown, CacheLoadError>>(failure: E): E {
    this.#scope.parts.counts.misses += 1;
    return failure;
  }

  #late(operation: string, { hardDeadlineMs }: CachePolicy): Result<never, CacheLoadError> {
    const message = 'the load did not end within hardDeadlineMs; it goes on, and its value will be stored';
    const timeoutMs = hardDeadlineMs ?? 0;
    return this.#missed(err(storeError('timeout', operation, message, { timeoutMs })));
  }
}

/** `null`: it was late. Without a deadline it is the work itself, with no step of its own. */
function within<T>(deadlineMs: number | null, work: Promise<T>): Promise<T | null> {
  return deadlineMs === null ? work : withDeadline(deadlineMs, () => work).then(doneInTime);
}

function doneInTime<T>(timed: Timed<T>): T | null {
  if (timed.kind === 'failed') throw timed.error;
  return timed.kind === 'done' ? timed.value : null;
}

/** Whichever tier a value came from. */
function inOrderOf(keys: readonly string[], found: ReadonlyMap<string, unknown>): Map<string, unknown> {
  const ordered = new Map<string, unknown>();
  for (const key of keys) if (found.has(key)) ordered.set(key, found.get(key));
  return ordered;
}
