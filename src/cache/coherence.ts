import { type RedisClient, serversOf } from '../redis/redis-client.js';
import { canListen } from '../redis/redis-subscriber.js';
import type { Telemetry } from '../telemetry.js';
import { InvalidationListener, type ListeningMode } from './invalidation-listener.js';
import type { RedisTier } from './redis-tier.js';

/** Who keeps copies that other processes' writes make outdated. */
export interface CopyHolder {
  valueChanged(name: string): void;
  tagChanged(name: string): void;
  /** Changes may have been missed: no copy is to be trusted, nor anything that is on its way. */
  lostTrack(): void;
}

export interface CoherenceOptions {
  readonly tier: RedisTier;
  readonly holder: CopyHolder;
  readonly telemetry: Telemetry;
}

export type CoherenceMode = ListeningMode | 'nothing';

const FIRST_DELAY_MS = 50;
const MAX_DELAY_MS = 1_000;
const TOPOLOGY_CHECK_MS = 1_000;

/**
 * Keeps memory in step with Redis: listens for changes on a connection of its own to each server, and says
 * whether it does at this moment. Whenever it did not, copies are forgotten before they are trusted again.
 */
export class Coherence {
  readonly #tier: RedisTier;
  readonly #holder: CopyHolder;
  readonly #telemetry: Telemetry;
  #mode: CoherenceMode | null = null;
  #listeners: readonly InvalidationListener[] = [];
  #servers = '';
  #isListening = false;
  #isStarted = false;
  #isClosed = false;
  /** Of the newest attempt; one that finds another number has been overtaken. */
  #attempt = 0;
  #failures = 0;
  #retry: NodeJS.Timeout | null = null;
  #topologyCheck: NodeJS.Timeout | null = null;

  constructor({ tier, holder, telemetry }: CoherenceOptions) {
    this.#tier = tier;
    this.#holder = holder;
    this.#telemetry = telemetry;
    tier.link.onConnection(() => {
      if (this.#isStarted) this.#restart(0);
    });
    // What was stored while Redis was away was checked against nothing.
    tier.link.onRecovery(() => holder.lostTrack());
    tier.link.onClose(() => this.close());
  }

  /** Whether every change made by others is told of, so that copies can be trusted. */
  get isListening(): boolean {
    return this.#isListening;
  }

  /** What memory is kept in step by at this moment. */
  get mode(): CoherenceMode {
    return this.#isListening ? (this.#mode ?? 'nothing') : 'nothing';
  }

  /** To be called with the first use of Redis; makes no connection earlier. */
  start(): void {
    if (this.#isStarted || this.#isClosed) return;
    this.#isStarted = true;
    if (this.#tier.link.readyClient !== null) this.#restart(0);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#stop();
  }

  #restart(delayMs: number): void {
    void this.#stop();
    if (this.#isClosed) return;
    this.#retry = setTimeout(() => void this.#listen(), delayMs);
    this.#retry.unref();
  }

  async #stop(): Promise<void> {
    this.#attempt += 1;
    this.#isListening = false;
    for (const timer of [this.#retry, this.#topologyCheck]) if (timer !== null) clearTimeout(timer);
    const listeners = this.#listeners;
    this.#listeners = [];
    await Promise.all(listeners.map((listener) => listener.close()));
  }

  async #listen(): Promise<void> {
    const client = this.#tier.link.readyClient;
    // Without a connection there is nothing to listen to; the next one brings the next attempt.
    if (client === null) return;
    const servers = serversOf(client);
    if (!servers.every(canListen)) return this.#report('nothing');
    this.#attempt += 1;
    const attempt = this.#attempt;
    const onLost = () => {
      if (this.#attempt === attempt) this.#restart(this.#nextDelayMs());
    };
    const clientPrefix = client.options.keyPrefix ?? '';
    const common = { tier: this.#tier, holder: this.#holder, clientPrefix, onLost };
    this.#listeners = servers.map((server) => new InvalidationListener({ ...common, server }));
    const modes = await Promise.all(this.#listeners.map((listener) => listener.start()));
    if (this.#attempt !== attempt) return;
    if (modes.includes(null) || modes.length === 0) {
      this.#report('nothing');
      return onLost();
    }
    this.#servers = describe(servers);
    this.#failures = 0;
    const isTracked = modes.every((mode) => mode === 'tracking');
    this.#tier.isTracked = isTracked;
    this.#report(isTracked ? 'tracking' : 'publish');
    // From here on nothing is missed; what came before may have been.
    this.#holder.lostTrack();
    this.#isListening = true;
    if (client.isCluster) this.#watchTopology(client);
  }

  // A server that has become a master since is not listened to.
  #watchTopology(client: RedisClient): void {
    this.#topologyCheck = setInterval(() => {
      if (describe(serversOf(client)) !== this.#servers) this.#restart(0);
    }, TOPOLOGY_CHECK_MS);
    this.#topologyCheck.unref();
  }

  #nextDelayMs(): number {
    const delayMs = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** this.#failures);
    this.#failures += 1;
    return delayMs * (0.5 + Math.random() / 2);
  }

  #report(mode: CoherenceMode): void {
    // That there is nothing to listen to is no news during an outage.
    if (mode === this.#mode || (mode === 'nothing' && this.#tier.isDown)) return;
    this.#mode = mode;
    if (mode !== 'tracking') this.#telemetry.event({ type: 'cache.untracked', listensTo: mode });
  }
}

function describe(servers: readonly RedisClient[]): string {
  return servers
    .map(({ options }) => {
      const { host, port } = options as { host?: unknown; port?: unknown };
      return `${String(host)}:${String(port)}`;
    })
    .sort()
    .join(' ');
}
