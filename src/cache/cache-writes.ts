import { err, errAsync, ok, ResultAsync } from 'neverthrow';
import { type InputIssue, type StoreError, storeError } from '../errors.js';
import { keyIssues, MAX_KEYS, manyKeysIssues, optionsIssues, tagsIssues } from './cache-input.js';
import { keyIssue } from './cache-key.js';
import type { CacheSetOptions } from './cache-options.js';
import { type CachePolicy, jittered } from './cache-policy.js';
import type { CacheScope } from './cache-scope.js';
import type { CacheWriteError } from './cache-service.js';
import { type CachedValue, encodedValue } from './cached-value.js';
import { encode, MAX_PAYLOAD_BYTES } from './codec.js';
import { compress } from './compression.js';
import { refusedValue } from './loading.js';
import type { TagState } from './tag-states.js';
import type { Storable } from './two-level-store.js';

/** A value that may be stored, encoded. */
interface Checked {
  readonly name: string;
  readonly value: CachedValue;
  readonly payload: string;
}

/** The writing calls of one namespace. */
export class CacheWrites {
  readonly #scope: CacheScope;

  constructor(scope: CacheScope) {
    this.#scope = scope;
  }

  set(key: string, value: unknown, options?: CacheSetOptions): ResultAsync<void, CacheWriteError> {
    return this.#write('cache.set', keyIssues(key), [[key, value]], options);
  }

  setMany(
    entries: Iterable<readonly [key: string, value: unknown]>,
    options?: CacheSetOptions,
  ): ResultAsync<void, CacheWriteError> {
    // The later of two entries with one key counts, as in a Map.
    const list = [...new Map(entries)];
    return this.#write('cache.setMany', entriesIssues(list), list, options);
  }

  delete(key: string): ResultAsync<void, CacheWriteError> {
    return this.#remove('cache.delete', keyIssues(key), [key]);
  }

  deleteMany(keys: readonly string[]): ResultAsync<void, CacheWriteError> {
    return this.#remove('cache.deleteMany', manyKeysIssues(keys), keys);
  }

  invalidateTags(tags: readonly string[]): ResultAsync<void, CacheWriteError> {
    const operation = 'cache.invalidateTags';
    const refusal = this.#scope.refusal(operation, tagsIssues(tags));
    if (refusal !== undefined) return errAsync(refusal);
    if (tags.length === 0) return confirmed(operation, Promise.resolve(true));
    const names = [...new Set(tags)].map((tag) => this.#scope.name(tag));
    return confirmed(operation, this.#scope.parts.store.invalidateTags(names));
  }

  take(key: string): ResultAsync<unknown, CacheWriteError> {
    const operation = 'cache.take';
    const refusal = this.#scope.refusal(operation, keyIssues(key));
    if (refusal !== undefined) return errAsync(refusal);
    const { parts, schema, isCopying } = this.#scope;
    return ResultAsync.fromSafePromise(parts.store.take(this.#scope.name(key), schema)).andThen((taken) => {
      if (taken === undefined) return err(storeError('unavailable', operation, NOT_CONFIRMED));
      return ok(isCopying ? taken?.own() : taken?.shared());
    });
  }

  #remove(
    operation: string,
    issues: readonly InputIssue[],
    keys: readonly string[],
  ): ResultAsync<void, CacheWriteError> {
    const refusal = this.#scope.refusal(operation, issues);
    if (refusal !== undefined) return errAsync(refusal);
    if (keys.length === 0) return confirmed(operation, Promise.resolve(true));
    const names = [...new Set(keys)].map((key) => this.#scope.name(key));
    return confirmed(operation, this.#scope.parts.store.remove(names));
  }

  #write(
    operation: string,
    issues: readonly InputIssue[],
    entries: readonly (readonly [string, unknown])[],
    options: CacheSetOptions | undefined,
  ): ResultAsync<void, CacheWriteError> {
    const refusal = this.#scope.refusal(operation, [...issues, ...optionsIssues(options)]);
    if (refusal !== undefined) return errAsync(refusal);
    const checked: Checked[] = [];
    for (const [key, value] of entries) {
      const one = this.#check(operation, key, value);
      if ('kind' in one) return errAsync(one);
      checked.push(one);
    }
    const policy = this.#scope.policy(options);
    const names = checked.map(({ name }) => name);
    return confirmed(operation, this.#scope.parts.store.write(names, this.#make(checked, policy)));
  }

  #check(operation: string, key: string, value: unknown): Checked | StoreError<'invalid-input'> {
    const encoding = encode(value);
    if (encoding.kind === 'refused') return refusedValue(operation, encoding.reason, encoding.cause);
    if (encoding.bytes > MAX_PAYLOAD_BYTES) return refusedValue(operation, TOO_LARGE);
    const cached = encodedValue(encoding);
    if (cached === undefined) return refusedValue(operation, 'must not be nested this deeply');
    return { name: this.#scope.name(key), value: cached, payload: encoding.payload };
  }

  // At once where nothing has to be waited for: a read right after the call finds the new value in memory.
  #make(
    checked: readonly Checked[],
    policy: CachePolicy,
  ): readonly Storable[] | Promise<readonly Storable[]> {
    const { compressAboveBytes } = this.#scope.parts;
    const isSmall = checked.every(({ payload }) => payload.length <= compressAboveBytes);
    if (isSmall && policy.tags.length === 0) return checked.map((one) => this.#storable(one, policy, []));
    return this.#makeLater(checked, policy);
  }

  async #makeLater(checked: readonly Checked[], policy: CachePolicy): Promise<readonly Storable[]> {
    const { store, compressAboveBytes } = this.#scope.parts;
    const { tags: tagNames, ttlMs, staleMs } = policy;
    // Without Redis's word only this process keeps the value.
    const tags =
      (await store.local.tags.current(tagNames, ttlMs + staleMs)) ?? store.local.tags.local(tagNames);
    return Promise.all(
      checked.map(async (one) => {
        const payload = await compress(one.payload, compressAboveBytes);
        return this.#storable({ ...one, payload }, policy, tags);
      }),
    );
  }

  #storable(one: Checked, { ttlMs, staleMs, jitter }: CachePolicy, tags: readonly TagState[]): Storable {
    return { ...one, ttlMs: jittered(ttlMs, jitter), staleMs, loadMs: 0, schema: this.#scope.schema, tags };
  }
}

const TOO_LARGE = `must be at most ${MAX_PAYLOAD_BYTES} bytes when encoded`;

function entriesIssues(entries: readonly (readonly [string, unknown])[]): InputIssue[] {
  if (entries.length > MAX_KEYS) return [{ path: 'entries', message: `must be at most ${MAX_KEYS}` }];
  return entries
    .map(([key], index) => keyIssue(key, `entries.${index}.key`))
    .filter((issue) => issue !== undefined);
}

function confirmed(operation: string, isConfirmed: Promise<boolean>): ResultAsync<void, CacheWriteError> {
  return ResultAsync.fromSafePromise(isConfirmed).andThen((isDone) =>
    isDone ? ok(undefined) : err(storeError('unavailable', operation, NOT_CONFIRMED)),
  );
}

const NOT_CONFIRMED =
  'Redis did not confirm it in time; this process will not serve the old value, others may until Redis is back';
