import { type InputIssue, invalidInput, type StoreError, storeError } from '../errors.js';
import { optionsIssues } from './cache-input.js';
import { childPath, keyIssue, looksNamespaced, type NamespacePath, nameOf, ROOT_PATH } from './cache-key.js';
import type { CacheNamespaceOptions } from './cache-options.js';
import type { CacheParts } from './cache-parts.js';
import { filledFrom } from './cache-policy.js';
import type { Kept } from './memory-tier.js';

/** One namespace of the cache: its names, its defaults, and what all namespaces share. */
export class CacheScope {
  readonly parts: CacheParts;
  readonly defaults: CacheNamespaceOptions;
  readonly path: NamespacePath;
  readonly isCopying: boolean;
  readonly schema: number;

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
    if (this.path === ROOT_PATH) {
      const kept = this.parts.store.inMemory(key, this.schema);
      return kept === undefined || looksNamespaced(key) ? undefined : kept;
    }
    return typeof key === 'string' ? this.parts.store.inMemory(this.name(key), this.schema) : undefined;
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
