import type { ResolvedRedis } from '../config/redis-config.js';
import { endOf, type Observer, type OperationStart, type Telemetry } from '../telemetry.js';
import { CommandDeadlines } from './command-deadlines.js';
import { withDeadline } from './deadline.js';
import { JoinedWrites } from './joined-writes.js';
import type { LoadIoredis } from './make-client.js';
import type { RedisClient } from './redis-client.js';
import { RedisConnection } from './redis-connection.js';
import { RedisProbe } from './redis-probe.js';

/** How a command ended. Only an `answer` and a `refusal` tell what Redis did. */
export type Reply<T> =
  | { readonly kind: 'answer'; readonly value: T }
  /** Redis answered with an error, such as OOM or READONLY. */
  | { readonly kind: 'refusal' }
  /** There is no connection, or it was lost before the answer. */
  | { readonly kind: 'unreachable' }
  | { readonly kind: 'late' };

export interface RedisLinkOptions {
  readonly config: ResolvedRedis;
  readonly telemetry: Telemetry;
  readonly loadIoredis?: LoadIoredis;
}

/** What must be done in Redis before it is used again; `false`: it could not be done, and is to be tried again. */
type Repair = () => Promise<boolean>;
/** `isOver`: its caller has given up, so that nothing more may be sent. */
type Send<T> = (client: RedisClient, isOver: () => boolean) => Promise<T>;

const UNANSWERED_TO_GO_DOWN = 3;
/** What each reply is called in telemetry. */
const ERROR_KINDS = {
  answer: null,
  refusal: 'unavailable',
  unreachable: 'unavailable',
  late: 'timeout',
} as const;

const UNREACHABLE = { kind: 'unreachable' } as const;

type ReplyKind = Reply<unknown>['kind'];
type OnEnd = (kind: ReplyKind) => void;

/** Begins to observe a command; what it gives is to be called at its end. */
function observation(observer: Observer, operation: string): OnEnd {
  const start: OperationStart = { system: 'redis', operation, statementText: null };
  const started = observer.operationStarted(start);
  const startedAt = performance.now();
  return (kind) => observer.operationEnded(endOf(start, startedAt, null, ERROR_KINDS[kind]), started);
}

/**
 * The way to Redis: connects on the first use, gives every command a deadline, and stops sending when
 * Redis does not answer.
 *
 * It is down from a lost connection, or from three commands in a row without an answer, until a probe in
 * the background was answered and all repairs were done. So an outage costs a few calls one deadline each, and
 * the rest nothing; and at most one command of ours waits on a connection that hangs.
 */
export class RedisLink {
  readonly #timeoutMs: number;
  readonly #telemetry: Telemetry;
  readonly #connection: RedisConnection;
  readonly #probe: RedisProbe;
  readonly #repairs: Repair[] = [];
  readonly #connectionListeners: ((client: RedisClient) => void)[] = [];
  readonly #recoveryListeners: (() => void)[] = [];
  readonly #endings: (() => Promise<void>)[] = [];
  readonly #hangUps = new Set<() => void>();
  readonly #deadlines: CommandDeadlines;
  readonly #writes = new JoinedWrites();
  #isDown = false;
  #unanswered = 0;
  #failures = 0;
  #closing: Promise<void> | null = null;

  constructor({ config, telemetry, loadIoredis = () => import('ioredis') }: RedisLinkOptions) {
    this.#timeoutMs = config.commandTimeoutMillis;
    this.#deadlines = new CommandDeadlines(config.commandTimeoutMillis);
    this.#telemetry = telemetry;
    this.#connection = new RedisConnection({
      config,
      loadIoredis,
      onReady: (client) => {
        for (const listener of this.#connectionListeners) listener(client);
        if (this.#isDown) this.#probe.now();
      },
      onLost: (reason) => this.#goDown(reason),
    });
    this.#probe = new RedisProbe({
      connection: this.#connection,
      timeoutMs: this.#timeoutMs,
      repair: () => this.#repair(),
      onHealthy: () => this.#goUp(),
    });
  }

  get isDown(): boolean {
    return this.#isDown;
  }

  get timeoutMs(): number {
    return this.#timeoutMs;
  }

  /** The client, if a command can be sent now. */
  get readyClient(): RedisClient | null {
    return this.#closing === null ? this.#connection.readyClient : null;
  }

  /** Commands that got no answer or an error; those not sent while down do not count. */
  get failures(): number {
    return this.#failures;
  }

  /**
   * Sends a command, unless Redis is down. Ends within the deadline; `send` is called at most once, never after it.
   * `operation` is `room.method`, for telemetry; what is not sent is not told of.
   */
  run<T>(send: Send<T>, operation = 'redis.command'): Promise<Reply<T>> {
    if (this.#isDown || this.#closing !== null) return Promise.resolve(UNREACHABLE);
    const { observer } = this.#telemetry;
    return this.#send(send, observer == null ? null : observation(observer, operation));
  }

  #send<T>(send: Send<T>, onEnd: OnEnd | null): Promise<Reply<T>> {
    const client = this.#connection.readyClient;
    if (client !== null) return this.#sendNow(client, send, onEnd);
    return this.attempt(send).then((reply) => {
      this.#ended(reply.kind, onEnd);
      return reply;
    });
  }

  /** As {@link run}, also while Redis is down: for repairs. */
  async attempt<T>(send: Send<T>): Promise<Reply<T>> {
    const timed = await withDeadline(
      this.#timeoutMs,
      async (isOver): Promise<Reply<T>> => {
        const client = await this.#connection.whenReady();
        // A client that is not ready would keep the command for later (a borrowed one has an offline queue),
        // and a command whose caller has given up must not take effect afterwards.
        if (client?.status !== 'ready' || isOver()) return { kind: 'unreachable' };
        return { kind: 'answer', value: await send(client, isOver) };
      },
      this.#hangUps,
    );
    const reply: Reply<T> =
      timed.kind === 'done' ? timed.value : { kind: timed.kind === 'late' ? 'late' : failureOf(timed.error) };
    this.#judge(reply.kind);
    return reply;
  }

  // As `attempt` on a connection that stands, with less around it: this is what nearly every command takes.
  #sendNow<T>(client: RedisClient, send: Send<T>, onEnd: OnEnd | null): Promise<Reply<T>> {
    return new Promise((resolve) => {
      const end = (reply: Reply<T>) => {
        this.#ended(reply.kind, onEnd);
        this.#judge(reply.kind);
        resolve(reply);
      };
      const wait = this.#deadlines.start(this.#writes.hold(client), () => end({ kind: 'late' }));
      send(client, () => wait.isOver).then(
        (value) => this.#deadlines.end(wait) && end({ kind: 'answer', value }),
        (error: unknown) => this.#deadlines.end(wait) && end({ kind: failureOf(error) }),
      );
    });
  }

  /** Has `repair` done after each return of Redis, and after {@link requestRepair}. */
  addRepair(repair: Repair): void {
    this.#repairs.push(repair);
  }

  /** Asks for the repairs soon, also while Redis is up. */
  requestRepair(): void {
    this.#probe.soon();
  }

  /** Tells of every connection that is ready, before anything of ours is sent on it. Of a cluster, of the whole client. */
  onConnection(listener: (client: RedisClient) => void): void {
    this.#connectionListeners.push(listener);
  }

  /** Tells when Redis is used again after it was down; at that moment it is still held for down. */
  onRecovery(listener: () => void): void {
    this.#recoveryListeners.push(listener);
  }

  /** Has further connections ended together with this one. */
  onClose(end: () => Promise<void>): void {
    this.#endings.push(end);
  }

  /** Ends the probes and our own client; a borrowed one is left as it is. */
  close(): Promise<void> {
    this.#probe.stop();
    this.#closing ??= Promise.all([this.#connection.close(), ...this.#endings.map((end) => end())]).then(
      () => undefined,
    );
    return this.#closing;
  }

  #ended(kind: ReplyKind, onEnd: OnEnd | null): void {
    if (kind !== 'answer') this.#failures += 1;
    onEnd?.(kind);
  }

  #judge(kind: ReplyKind): void {
    if (kind === 'answer' || kind === 'refusal') {
      this.#unanswered = 0;
      return;
    }
    this.#unanswered += 1;
    if (this.#connection.readyClient === null) this.#goDown('not-connected');
    else if (this.#unanswered >= UNANSWERED_TO_GO_DOWN) this.#goDown('no-answer');
  }

  async #repair(): Promise<boolean> {
    for (const repair of this.#repairs) if (!(await repair())) return false;
    return true;
  }

  #goDown(reason: string): void {
    if (this.#isDown || this.#closing !== null) return;
    this.#isDown = true;
    // Who waits for an answer would wait for nothing, and each for the rest of its own deadline.
    for (const hangUp of this.#hangUps) hangUp();
    this.#deadlines.endAll();
    this.#telemetry.event({ type: 'redis.unavailable', reason });
    this.#probe.soon();
  }

  #goUp(): void {
    this.#unanswered = 0;
    if (!this.#isDown) return;
    for (const listener of this.#recoveryListeners) listener();
    this.#isDown = false;
    this.#telemetry.event({ type: 'redis.recovered' });
  }
}

function failureOf(error: unknown): 'refusal' | 'unreachable' {
  return error instanceof Error && error.name === 'ReplyError' ? 'refusal' : 'unreachable';
}
