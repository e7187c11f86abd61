import { escapeGlob } from '../redis/scan-keys.js';
import { fromText, toText } from './cache-key.js';

/** What a name in Redis belongs to. */
export interface ParsedName {
  readonly kind: 'value' | 'tag';
  readonly name: string;
}

/**
 * What the cache's keys are called in Redis.
 *
 * A value and its lease are always of one cluster slot: both names end in the same text, which holds the hash
 * tag. That is the caller's own `{…}` in the key or the namespace, so that all keys of one user can share a
 * slot; without one it is the whole text.
 */
export class RedisNames {
  readonly #prefix: string;

  constructor(keyPrefix: string) {
    this.#prefix = `${keyPrefix}cache:`;
  }

  value(name: string): string {
    return `${this.#prefix}v:${tagged(name)}`;
  }

  lease(name: string): string {
    return `${this.#prefix}l:${tagged(name)}`;
  }

  /** What changes when a tag is invalidated. */
  tag(name: string): string {
    return `${this.#prefix}t:${tagged(name)}`;
  }

  /** Where a tag's version is: apart, since that it gets one is no news to those who listen. */
  tagVersion(name: string): string {
    return `${this.#prefix}n:${tagged(name)}`;
  }

  /** Where changes are told of, for processes that cannot have Redis tell them. */
  get channel(): string {
    return `${this.#prefix}changes`;
  }

  /** What all names that changes are told of begin with. No one is the beginning of another. */
  get trackedPrefixes(): readonly string[] {
    return [`${this.#prefix}v:`, `${this.#prefix}t:`];
  }

  /** A glob pattern that fits every name of the cache and no others. */
  get pattern(): string {
    return `${escapeGlob(this.#prefix)}*`;
  }

  parse(redisName: string): ParsedName | undefined {
    if (!redisName.startsWith(this.#prefix)) return undefined;
    const kind = KINDS[redisName.slice(this.#prefix.length, this.#prefix.length + 2)];
    if (kind === undefined) return undefined;
    return { kind, name: untagged(redisName.slice(this.#prefix.length + 2)) };
  }
}

const KINDS: Readonly<Record<string, ParsedName['kind']>> = { 'v:': 'value', 't:': 'tag' };

/**
 * The part of a name in Redis that decides its slot: between the first `{` and the next `}`, unless that is
 * nothing; else the whole name.
 */
export function hashTagOf(redisName: string): string {
  const open = redisName.indexOf('{');
  const close = redisName.indexOf('}', open + 1);
  return open >= 0 && close > open + 1 ? redisName.slice(open + 1, close) : redisName;
}

// The text begins with a digit or a colon, so braces around it are never empty, and are not taken for its own.
function tagged(name: string): string {
  const text = toText(name);
  return hashTagOf(text) === text ? `{${text}}` : text;
}

function untagged(text: string): string {
  return fromText(text.startsWith('{') ? text.slice(1, -1) : text);
}
