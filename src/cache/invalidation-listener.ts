import { withDeadline } from '../redis/deadline.js';
import type { RedisClient } from '../redis/redis-client.js';
import { RedisSubscriber } from '../redis/redis-subscriber.js';
import type { CopyHolder } from './coherence.js';
import { type RedisTier, randomToken } from './redis-tier.js';

/** `tracking`: Redis tells of every change, expiry and eviction included. `publish`: writers tell of theirs. */
export type ListeningMode = 'tracking' | 'publish';

export interface Listening {
  readonly mode: ListeningMode;
  close(): Promise<void>;
}

interface Listener {
  readonly holder: CopyHolder;
  readonly onLost: () => void;
}

const START_TIMEOUT_MS = 3_000;
const INVALIDATIONS = '__redis__:invalidate';

/** Begins to listen for changes on one server; `null`: that failed. `client` is the one that writes. */
export async function listenTo(
  tier: RedisTier,
  client: RedisClient,
  server: RedisClient,
  { holder, onLost }: Listener,
): Promise<Listening | null> {
  const clientPrefix = client.options.keyPrefix ?? '';
  const subscriber = new RedisSubscriber(server, {
    onLost,
    onMessage(channel, payload) {
      if (channel === INVALIDATIONS) for (const name of payload ?? ['']) tell(name);
      else for (const message of payload ?? []) hear(message);
    },
  });
  function tell(redisName: string): void {
    const parsed = tier.names.parse(redisName.slice(clientPrefix.length));
    if (parsed === undefined) holder.lostTrack();
    else if (parsed.kind === 'value') holder.valueChanged(parsed.name);
    else holder.tagChanged(parsed.name);
  }
  function hear(message: string): void {
    const { origin } = tier;
    if (!message.startsWith(origin)) tell(message.slice(origin.length));
  }
  const start = async () => {
    await subscriber.open();
    return subscribe(tier, client, subscriber, clientPrefix);
  };
  const started = await withDeadline(START_TIMEOUT_MS, start);
  if (started.kind === 'done') return { mode: started.value, close: () => subscriber.close() };
  await subscriber.close();
  return null;
}

async function subscribe(
  tier: RedisTier,
  client: RedisClient,
  subscriber: RedisSubscriber,
  clientPrefix: string,
): Promise<ListeningMode> {
  const prefixes = tier.names.trackedPrefixes.flatMap((prefix) => ['PREFIX', clientPrefix + prefix]);
  try {
    const id = Number(await subscriber.call('CLIENT', 'ID'));
    if (tier.link.hasOwnConnection && (await trackOwn(client, subscriber, id, prefixes))) return 'tracking';
    await subscriber.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', id, 'BCAST', ...prefixes);
    await subscriber.subscribe(INVALIDATIONS);
    return 'tracking';
  } catch (error) {
    // Not every user may track, and not every service that speaks Redis's language can.
    if (!(error instanceof Error && error.name === 'ReplyError')) throw error;
  }
  await subscriber.subscribe(clientPrefix + tier.names.channel);
  return 'publish';
}

/**
 * Has Redis tell of all changes but those made on our own connection, which memory knows already. `false`:
 * the two connections do not lead to the same server, or we may not ask.
 *
 * Only where the connection is ours and goes to one server: the owner of another must not notice, and in a
 * cluster connections come and go by themselves. There we hear of our own writes too, which costs the next
 * read of each a trip to Redis.
 */
async function trackOwn(
  client: RedisClient,
  subscriber: RedisSubscriber,
  id: number,
  prefixes: readonly string[],
): Promise<boolean> {
  const clientName = `cache-${randomToken()}`;
  await subscriber.call('CLIENT', 'SETNAME', clientName);
  const row = await client.call('CLIENT', 'LIST', 'ID', id).catch(() => '');
  if (!String(row).includes(` name=${clientName} `)) return false;
  await subscriber.subscribe(INVALIDATIONS);
  // It may still point to the subscriber before this one.
  await client.call('CLIENT', 'TRACKING', 'OFF');
  await client.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', id, 'BCAST', ...prefixes, 'NOLOOP');
  return true;
}
