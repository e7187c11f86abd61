import { err, ok, type Result } from 'neverthrow';
import { invalidInput, type StoreError } from '../errors.js';
import type { CacheCounts } from './cache-counts.js';
import type { CachePolicy } from './cache-policy.js';
import type { CacheLoadError } from './cache-service.js';
import { type CachedValue, encodedValue } from './cached-value.js';
import { encode, MAX_PAYLOAD_BYTES } from './codec.js';
import { compress } from './compression.js';
import { failureNote } from './failure-note.js';
import type { Lease } from './lease.js';
import { LoadDecision } from './load-decision.js';
import { runLoader } from './loader.js';
import type { TagState } from './tag-states.js';
import type { Storable, TwoLevelStore } from './two-level-store.js';

/** What a call ends with. */
export interface Landed {
  readonly value: CachedValue;
  readonly source: 'redis' | 'loaded' | 'stale';
  /** The load that will replace a stale value. */
  readonly refreshing: Promise<Landing> | null;
}

/** `null`: a loader of many keys had nothing for this one. */
export type Landing = Result<Landed | null, CacheLoadError>;

export interface LoadRequest {
  readonly operation: string;
  readonly names: readonly string[];
  /** Calls the loader. */
  readonly load: (names: readonly string[], decision: LoadDecision) => PromiseLike<unknown>;
  /** What the loader gave, by name; `undefined` where that cannot be told. */
  readonly valuesOf: (loaded: unknown, names: readonly string[]) => ReadonlyMap<string, unknown> | undefined;
  readonly policy: CachePolicy;
  readonly schema: number;
}

/** By what right a loaded value is stored. */
export interface LoadGrant {
  readonly lease: Lease | null;
  /** The tags as they were before the load. */
  readonly tags: readonly TagState[];
  /** Without a lease: whether what was loaded may be kept in this process. */
  readonly mayKeep: ((name: string) => boolean) | null;
  readonly previous: CachedValue | null;
}

export interface LoadingOptions {
  readonly store: TwoLevelStore;
  readonly counts: CacheCounts;
  readonly compressAboveBytes: number;
}

/** Runs loaders and stores what they gave. Never rejects. */
export class Loading {
  readonly #store: TwoLevelStore;
  readonly #counts: CacheCounts;
  readonly #compressAboveBytes: number;

  constructor({ store, counts, compressAboveBytes }: LoadingOptions) {
    this.#store = store;
    this.#counts = counts;
    this.#compressAboveBytes = compressAboveBytes;
  }

  /** One call of the loader for all names of the request. */
  async run(request: LoadRequest, grant: LoadGrant): Promise<ReadonlyMap<string, Landing>> {
    const { operation, names, policy } = request;
    const decision = new LoadDecision(policy, grant.previous?.shared());
    this.#counts.loads += 1;
    const startedAt = performance.now();
    const loaded = await runLoader(operation, () => request.load(names, decision));
    const loadMs = Math.round(performance.now() - startedAt);
    if (loaded.isErr()) {
      grant.lease?.stop();
      return this.#failed(request, grant, loaded.error);
    }
    const values = request.valuesOf(loaded.value, names);
    if (values === undefined) {
      grant.lease?.stop();
      return this.#failed(
        request,
        grant,
        refusedValue(operation, 'must be a Map of the keys that were found'),
      );
    }
    const landings = new Map<string, Landing>();
    const storables: Storable[] = [];
    for (const name of names) {
      const prepared = values.has(name)
        ? await this.#prepare(request, grant, decision, { name, value: values.get(name), loadMs })
        : null;
      if (prepared === null) landings.set(name, ok(null));
      else if ('refusal' in prepared) landings.set(name, err(prepared.refusal));
      else {
        landings.set(name, ok({ value: prepared.storable.value, source: 'loaded', refreshing: null }));
        if (prepared.mayStore) storables.push(prepared.storable);
        else this.#counts.refusedFills += 1;
      }
    }
    grant.lease?.stop();
    await this.#storeAll(names, storables, grant);
    return landings;
  }

  async #prepare(
    { operation, schema }: LoadRequest,
    { tags }: LoadGrant,
    decision: LoadDecision,
    { name, value, loadMs }: { name: string; value: unknown; loadMs: number },
  ): Promise<{ refusal: StoreError<'invalid-input'> } | { storable: Storable; mayStore: boolean }> {
    const encoding = encode(value);
    if (encoding.kind === 'refused')
      return { refusal: refusedValue(operation, encoding.reason, encoding.cause) };
    const cached = encodedValue(encoding);
    if (cached === undefined) return { refusal: refusedValue(operation, TOO_DEEP) };
    const mayStore = encoding.bytes <= MAX_PAYLOAD_BYTES && !decision.isSkipped;
    const payload = mayStore ? await compress(encoding.payload, this.#compressAboveBytes) : '';
    const life = decision.lifeOf(value);
    return { mayStore, storable: { name, value: cached, payload, ...life, loadMs, schema, tags } };
  }

  async #storeAll(names: readonly string[], storables: readonly Storable[], grant: LoadGrant): Promise<void> {
    const { lease, mayKeep } = grant;
    if (lease === null) {
      const kept = storables.filter(({ name }) => mayKeep?.(name) ?? false);
      this.#store.keep(kept);
      this.#counts.refusedFills += storables.length - kept.length;
      return;
    }
    const stored = storables.length === 0 ? [] : await this.#store.fill(lease.token, storables);
    this.#counts.refusedFills += stored.filter((isStored) => !isStored).length;
    if (storables.length === names.length) return;
    const filled = new Set(storables.map(({ name }) => name));
    await this.#releaseOthers(
      lease,
      names.filter((name) => !filled.has(name)),
    );
  }

  async #releaseOthers(lease: Lease, names: readonly string[]): Promise<void> {
    await lease.release(names);
    for (const name of names) this.#store.local.wakeUps.wake(name);
  }

  async #failed(
    { names, policy }: LoadRequest,
    { lease }: LoadGrant,
    error: CacheLoadError,
  ): Promise<ReadonlyMap<string, Landing>> {
    this.#counts.failedLoads += 1;
    const failure = err<never, CacheLoadError>(error);
    for (const name of names) this.#store.local.failures.note(name, failure, policy.backoffMs);
    await lease?.fail(failureNote(error), policy.backoffMs);
    for (const name of names) this.#store.local.wakeUps.wake(name);
    return new Map(names.map((name) => [name, failure]));
  }
}

const TOO_DEEP = 'must not be nested this deeply';

export function refusedValue(
  operation: string,
  reason: string,
  cause?: unknown,
): StoreError<'invalid-input'> {
  return invalidInput(operation, [{ path: 'value', message: reason }], cause);
}
