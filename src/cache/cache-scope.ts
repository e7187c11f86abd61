import { type InputIssue, invalidInput, type StoreError, storeError } from '../errors.js';
import { optionsIssues } from './cache-input.js';
import { childPath, keyIssue, type NamespacePath, nameOf, ROOT_PATH } from './cache-key.js';
import type { CacheLoadOptions, CacheNamespaceOptions } from './cache-options.js';
import type { CacheParts } from './cache-parts.js';
import { type CachePolicy, filledFrom, policyOf } from './cache-policy.js';
import type { Kept, KeyIndex } from './memory-tier.js';

/** One namespace of the cache: its names, its defaults, and what all namespaces share. */
export class CacheScope {
  readonly parts: CacheParts;
  readonly defaults: CacheNamespaceOptions;
  readonly path: NamespacePath;
  readonly isCopying: boolean;
  readonly schema: number;
  readonly #index: KeyIndex = new Map();
  #policy: CachePolicy | undefined;

  constructor(parts: CacheParts, defaults: CacheNamespaceOptions, path: NamespacePath = ROOT_PATH) {
    this.parts = parts;
    this.defaults = defaults;
    this.path = path;
    this.isCopying = defaults.values === 'copied';
    this.schema = defaults.schemaVersion ?? 0;
  }

  /** @throws {StoreError} `invalid-input`, for a bad name or bad defaults. */
  child(name: string, defaults: CacheNamespaceOptions): CacheScope {
    const issues = [keyIssue(name, 'name'), ...optionsIssues(defaults)].filter(
      (issue) => issue !== undefined,
    );
    if (issues.length > 0) throw invalidInput('cache.namespace', issues);
    return new CacheScope(this.parts, filledFrom(this.defaults, defaults), childPath(this.path, name));
  }

  name(key: string): string {
    return nameOf(this.path, key);
  }

  /** What memory has for a key that was not checked: one that is there was, when it was stored. */
  inMemory(key: string): Kept | undefined {
    return this.parts.store.local.findIndexed(this.#index, key, this.schema) ?? this.#inMemoryByName(key);
  }

  #inMemoryByName(key: string): Kept | undefined {
    if (typeof key !== 'string') return undefined;
    const name = this.name(key);
    const kept = this.parts.store.local.find(name, this.schema);
    if (kept !== undefined) this.parts.memory.putIntoIndex(name, this.#index, key);
    return kept;
  }

  /** What a call with these options, checked, is done by. */
  policy(options: CacheLoadOptions | undefined): CachePolicy {
    if (options !== undefined) return policyOf(this.path, this.defaults, options);
    this.#policy ??= policyOf(this.path, this.defaults, undefined);
    return this.#policy;
  }

  /** Why a call is refused, or `undefined`. */
  refusal(
    operation: string,
    issues: readonly InputIssue[],
  ): StoreError<'invalid-input'> | StoreError<'closed'> | undefined {
    if (this.parts.isClosed) return storeError('closed', operation, 'the cache was closed');
    return issues.length > 0 ? invalidInput(operation, issues) : undefined;
  }
}
