import { withDeadline } from '../redis/deadline.js';
import type { RedisClient } from '../redis/redis-client.js';
import { RedisSubscriber } from '../redis/redis-subscriber.js';
import type { CopyHolder } from './coherence.js';
import type { RedisTier } from './redis-tier.js';

/** `tracking`: Redis tells of every change, expiry and eviction included. `publish`: writers tell of theirs. */
export type ListeningMode = 'tracking' | 'publish';

export interface InvalidationListenerOptions {
  readonly tier: RedisTier;
  readonly server: RedisClient;
  /** What the client that writes puts before every name. */
  readonly clientPrefix: string;
  readonly holder: CopyHolder;
  readonly onLost: () => void;
}

const START_TIMEOUT_MS = 3_000;
const INVALIDATIONS = '__redis__:invalidate';

/** Listens for changes on one server. */
export class InvalidationListener {
  readonly #tier: RedisTier;
  readonly #clientPrefix: string;
  readonly #holder: CopyHolder;
  readonly #subscriber: RedisSubscriber;

  constructor({ tier, server, clientPrefix, holder, onLost }: InvalidationListenerOptions) {
    this.#tier = tier;
    this.#clientPrefix = clientPrefix;
    this.#holder = holder;
    this.#subscriber = new RedisSubscriber(server, {
      onLost,
      onMessage: (channel, payload) => {
        if (channel === INVALIDATIONS) for (const redisName of payload ?? ['']) this.#tell(redisName);
        else for (const message of payload ?? []) this.#hear(message);
      },
    });
  }

  /** Begins to listen; `null`: that failed. */
  async start(): Promise<ListeningMode | null> {
    const started = await withDeadline(START_TIMEOUT_MS, async () => {
      await this.#subscriber.open();
      return this.#subscribe();
    });
    return started.kind === 'done' ? started.value : null;
  }

  close(): Promise<void> {
    return this.#subscriber.close();
  }

  #tell(redisName: string): void {
    const parsed = this.#tier.names.parse(redisName.slice(this.#clientPrefix.length));
    if (parsed === undefined) this.#holder.lostTrack();
    else if (parsed.kind === 'value') this.#holder.valueChanged(parsed.name);
    else this.#holder.tagChanged(parsed.name);
  }

  #hear(message: string): void {
    const { origin } = this.#tier;
    if (!message.startsWith(origin)) this.#tell(message.slice(origin.length));
  }

  async #subscribe(): Promise<ListeningMode> {
    const { names } = this.#tier;
    const prefixes = names.trackedPrefixes.flatMap((prefix) => ['PREFIX', this.#clientPrefix + prefix]);
    try {
      const id = Number(await this.#subscriber.call('CLIENT', 'ID'));
      // To itself, so that the connection that writes stays as it is; it may be borrowed, and in a cluster it
      // is many. NOLOOP would change nothing: what a script writes, Redis does not take for its caller's. So own
      // writes are heard of too; see OwnCopies.
      await this.#subscriber.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', id, 'BCAST', ...prefixes);
      await this.#subscriber.subscribe(INVALIDATIONS);
      return 'tracking';
    } catch (error) {
      // Not every user may track, and not every service that speaks Redis's language can.
      if (!(error instanceof Error && error.name === 'ReplyError')) throw error;
    }
    await this.#subscriber.subscribe(this.#clientPrefix + names.channel);
    return 'publish';
  }
}
