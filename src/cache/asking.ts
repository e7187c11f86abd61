import { LEASE_MS } from './lease.js';
import type { LoadRequest } from './loading.js';
import type { RedisTier } from './redis-tier.js';
import type { Look } from './stored-reader.js';
import type { TagState } from './tag-states.js';
import type { TwoLevelStore } from './two-level-store.js';
import { uniqueId } from './unique-id.js';

/** What Redis answered to one who wants to read or else to load. */
export interface Asked {
  readonly looks: readonly Look[];
  /** Whose lease it is that was granted with this answer. */
  readonly token: string;
  /** The tags as they were before any load that follows. */
  readonly tags: readonly TagState[];
}

const FIRST_POLL_MS = 25;
const MAX_POLL_MS = 250;

/** Looks for keys and asks for the lease of each that is missing or stale, in one trip. `null`: out of reach. */
export async function ask(
  store: TwoLevelStore,
  redis: RedisTier | null,
  { names, policy, schema }: LoadRequest,
  earlyMs = 0,
): Promise<Asked | null> {
  if (redis === null || redis.isDown) return null;
  const token = uniqueId();
  const reading = store.look(names, { token, leaseMs: LEASE_MS, earlyMs }, schema);
  const { tags: tagNames, ttlMs, staleMs } = policy;
  const tags = tagNames.length === 0 ? [] : await store.local.tags.current(tagNames, ttlMs + staleMs);
  const looks = await reading;
  if (looks !== null && tags !== null) return { token, looks, tags };
  // Nobody should wait for a load that will not be stored.
  if (looks !== null) void redis.endLease(token, names);
  return null;
}

/** Until the key changes, or it is time to ask again; the pause grows with each turn. */
export function waitForChange(store: TwoLevelStore, name: string, turn: number): Promise<void> {
  const pauseMs = Math.min(MAX_POLL_MS, FIRST_POLL_MS * 2 ** turn);
  return store.local.wakeUps.wait(name, pauseMs * (0.5 + Math.random() / 2));
}
