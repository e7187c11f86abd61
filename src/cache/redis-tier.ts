import type { RedisClient } from '../redis/redis-client.js';
import type { RedisLink } from '../redis/redis-link.js';
import { type RedisScript, runScript, type ScriptArgument } from '../redis/redis-script.js';
import { type Reading, type ReadTerms, toReadings } from './reading.js';
import { RedisNames } from './redis-names.js';
import { RedisRepairs } from './redis-repairs.js';
import {
  END_LEASE,
  FILL,
  INVALIDATE_TAGS,
  READ,
  REMOVE,
  RENEW_LEASE,
  STAMPS,
  TAG_VERSIONS,
  TAKE,
  WRITE,
} from './redis-scripts.js';
import { bySlot } from './slot-groups.js';
import { type StoredText, textsAt } from './stored-text.js';
import { randomToken } from './unique-id.js';

export interface RedisTierOptions {
  /** Put before every key. */
  readonly keyPrefix: string;
  /** Failed writes that are remembered one by one; see `UnconfirmedWrites`. */
  readonly maxFailedWrites?: number;
}

/** Whether its caller has given a command up, so that nothing more may be sent for it. */
type IsOver = () => boolean;

const MAX_FAILED_WRITES = 10_000;

/** The part of the cache that processes share. */
export function createRedisTier(link: RedisLink, options: RedisTierOptions): RedisTier {
  return new RedisTier(link, options);
}

/**
 * The commands of the cache. Nothing here throws or takes longer than the command's deadline.
 *
 * It never gives a value that a write of this process was to replace or delete, even when Redis did not
 * get that write: such a key is unknown until its deletion was confirmed, and after an outage all of them
 * are deleted before anything is read. (Other processes can read the old value until then, as can a new
 * process after this one died: the caller of the failed write was told.)
 */
export class RedisTier {
  readonly link: RedisLink;
  readonly names: RedisNames;
  /** This process among those that tell of their writes. */
  readonly origin = randomToken();
  readonly #repairs: RedisRepairs;
  /** Whether Redis tells of changes by itself. */
  isTracked = false;

  constructor(link: RedisLink, { keyPrefix, maxFailedWrites = MAX_FAILED_WRITES }: RedisTierOptions) {
    this.link = link;
    this.names = new RedisNames(keyPrefix);
    this.#repairs = new RedisRepairs(this, maxFailedWrites);
  }

  get isDown(): boolean {
    return this.link.isDown;
  }

  get failures(): number {
    return this.link.failures;
  }

  /** `undefined` for what cannot be known or trusted; `null` when that is all. `rejected` as in the script. */
  async read(
    names: readonly string[],
    { token, leaseMs, earlyMs }: ReadTerms,
    rejected: readonly string[] = [],
  ): Promise<readonly (Reading | undefined)[] | null> {
    const trusted = names.map((name) => this.#repairs.isTrusted('value', name));
    const asked = trusted.includes(false) ? names.filter((_, place) => trusted[place]) : names;
    if (asked.length === 0) return null;
    const reply = await this.link.run(
      (client, isOver) =>
        this.#forEach<Reading>(
          client,
          isOver,
          asked,
          READ,
          (places) => [token, leaseMs, earlyMs, ...places.map((place) => rejected[place] ?? '')],
          toReadings,
        ),
      'cache.read',
    );
    if (reply.kind !== 'answer') return null;
    if (asked === names) return reply.value;
    const answers = reply.value[Symbol.iterator]();
    return trusted.map((isTrusted) => (isTrusted ? answers.next().value : undefined));
  }

  /** Which write each value is of, '' where there is none; `null`: out of reach. */
  async stamps(names: readonly string[]): Promise<readonly (string | undefined)[] | null> {
    const reply = await this.link.run(
      (client, isOver) => this.#forEach<string>(client, isOver, names, STAMPS, () => []),
      'cache.stamps',
    );
    return reply.kind === 'answer' ? reply.value : null;
  }

  /** The version of each tag; a tag without one gets one. */
  async tagVersions(tags: readonly string[], lifeMs: number): Promise<readonly string[] | null> {
    if (!tags.every((tag) => this.#repairs.isTrusted('tag', tag))) return null;
    const redisNames = tags.map((tag) => this.names.tagVersion(tag));
    const candidate = randomToken();
    const reply = await this.link.run(
      (client, isOver) =>
        bySlot(client, redisNames, async (places) => {
          const keys = places.map((place) => redisNames[place] ?? '');
          return (await runScript(client, TAG_VERSIONS, keys, [candidate, lifeMs], isOver)) as string[];
        }),
      'cache.tagVersions',
    );
    if (reply.kind !== 'answer') return null;
    const versions = reply.value.filter((version) => typeof version === 'string');
    return versions.length === tags.length ? versions : null;
  }

  /** Stores each text whose lease is still held. Whether it was. */
  async fill(token: string, texts: readonly StoredText[]): Promise<readonly boolean[]> {
    const isAllowed = ({ name }: StoredText) => this.#repairs.isTrusted('value', name);
    const reply = await this.link.run((client, isOver) => {
      const allowed = texts.filter(isAllowed);
      if (allowed.length === 0) return Promise.resolve([]);
      const names = allowed.map(({ name }) => name);
      return this.#forEach<readonly [string, boolean]>(
        client,
        isOver,
        names,
        FILL,
        (places) => [token, ...this.tellingOf(client), ...textsAt(allowed, places)],
        (answers, places) => places.map((place, index) => [names[place] ?? '', answers[index] === 1]),
      );
    }, 'cache.fill');
    const stored = new Map(reply.kind === 'answer' ? reply.value.filter(isDefined) : []);
    return texts.map(({ name }) => stored.get(name) ?? false);
  }

  /** Whether all leases were still held. */
  async renewLease(token: string, names: readonly string[], ms: number): Promise<void> {
    await this.link.run(
      (client, isOver) => this.#forEach(client, isOver, names, RENEW_LEASE, () => [token, ms]),
      'cache.renewLease',
    );
  }

  /** Gives leases up: at once, or after `ms` in which `note` keeps all from loading. */
  async endLease(token: string, names: readonly string[], note = '', ms = 0): Promise<void> {
    await this.link.run(
      (client, isOver) => this.#forEach(client, isOver, names, END_LEASE, () => [token, note, ms]),
      'cache.endLease',
    );
  }

  /** Stores texts in place of any others, but for those overtaken by a later write. Whether that was confirmed. */
  write(texts: readonly StoredText[], isOvertaken: (name: string) => boolean): Promise<boolean> {
    const byName = new Map(texts.map((text) => [text.name, text]));
    return this.#change('value', [...byName.keys()], isOvertaken, (client, isOver, names) => {
      const written = names.map((name) => byName.get(name)).filter(isDefined);
      return this.#forEach(client, isOver, names, WRITE, (places) => [
        ...this.tellingOf(client),
        ...textsAt(written, places),
      ]);
    });
  }

  /** Deletes values, but for those overtaken by a later write. Whether that was confirmed. */
  remove(names: readonly string[], isOvertaken: (name: string) => boolean): Promise<boolean> {
    return this.#change('value', names, isOvertaken, (client, isOver, left) =>
      this.sendRemove(client, isOver, left),
    );
  }

  /** Deletes one value and gives it; `undefined`: not confirmed. */
  async take(name: string): Promise<Reading | null | undefined> {
    if (this.#repairs.hasFailed('value', name)) return undefined;
    let taken: Reading | null = null;
    const never = () => false;
    const isConfirmed = await this.#change('value', [name], never, async (client, isOver) => {
      const keys = [this.names.value(name), this.names.lease(name)];
      const telling = this.tellingOf(client);
      const [text, left] = (await runScript(client, TAKE, keys, telling, isOver)) as [unknown, number];
      if (typeof text === 'string') taken = { text, leftMs: left < 0 ? Infinity : left, lease: '' };
      return [1];
    });
    return isConfirmed ? taken : undefined;
  }

  /** Ends all values with any of these tags. Whether that was confirmed. */
  invalidateTags(tags: readonly string[]): Promise<boolean> {
    const never = () => false;
    return this.#change('tag', tags, never, (client, isOver, left) =>
      this.sendInvalidate(client, isOver, left),
    );
  }

  sendRemove(client: RedisClient, isOver: IsOver, names: readonly string[]): Promise<readonly unknown[]> {
    return this.#forEach(client, isOver, names, REMOVE, () => this.tellingOf(client));
  }

  sendInvalidate(client: RedisClient, isOver: IsOver, tags: readonly string[]): Promise<readonly unknown[]> {
    const redisNames = tags.map((tag) => this.names.tag(tag));
    return bySlot(client, redisNames, async (places) => {
      const keys = places.flatMap((place) => [
        this.names.tagVersion(tags[place] ?? ''),
        redisNames[place] ?? '',
      ]);
      return (await runScript(client, INVALIDATE_TAGS, keys, this.tellingOf(client), isOver)) as unknown[];
    });
  }

  /**
   * The channel on which to tell of a write, and by whom. A single server is told to always: it costs next to
   * nothing there, and nobody knows whether another process has a user that may not track. In a cluster each
   * message goes to every server, so it is left out where Redis tells by itself.
   */
  tellingOf(client: RedisClient): readonly [channel: string, origin: string] {
    const isNeeded = !client.isCluster || !this.isTracked;
    return [isNeeded ? (client.options.keyPrefix ?? '') + this.names.channel : '', this.origin];
  }

  // Two writes that wait for the same connection could be sent in either order. The later one decides what
  // the key holds and whether it can be trusted, so the earlier one need not be sent at all.
  async #change(
    kind: 'value' | 'tag',
    names: readonly string[],
    isOvertaken: (name: string) => boolean,
    send: (client: RedisClient, isOver: IsOver, names: readonly string[]) => Promise<readonly unknown[]>,
  ): Promise<boolean> {
    const confirm = this.#repairs.begin(kind, names);
    const reply = await this.link.run(
      async (client, isOver) => {
        const left = names.filter((name) => !isOvertaken(name));
        const answers = left.length === 0 ? [] : await send(client, isOver, left);
        return left.filter((_, place) => answers[place] === undefined);
      },
      kind === 'tag' ? 'cache.invalidateTags' : 'cache.write',
    );
    const unanswered = new Set(reply.kind === 'answer' ? reply.value : names);
    confirm((name) => !unanswered.has(name));
    return unanswered.size === 0;
  }

  #forEach<T = unknown>(
    client: RedisClient,
    isOver: IsOver,
    names: readonly string[],
    script: RedisScript,
    argumentsFor: (places: readonly number[]) => readonly ScriptArgument[],
    parse: (answers: readonly unknown[], places: readonly number[]) => readonly T[] = (answers) =>
      answers as T[],
  ): Promise<readonly (T | undefined)[]> {
    const values = names.map((name) => this.names.value(name));
    return bySlot(client, values, (places) => {
      const keys: string[] = [];
      for (const place of places) keys.push(values[place] ?? '', this.names.lease(names[place] ?? ''));
      return runScript(client, script, keys, argumentsFor(places), isOver).then((answers) =>
        parse(answers as unknown[], places),
      );
    });
  }
}

function isDefined<T>(value: T | undefined): value is T {
  return value !== undefined;
}
