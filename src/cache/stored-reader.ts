import type { Telemetry } from '../telemetry.js';
import { type CachedValue, cachedValue } from './cached-value.js';
import { decompress, isCompressed } from './compression.js';
import { type Envelope, openEnvelope } from './envelope.js';
import type { Reading, ReadTerms } from './reading.js';
import type { RedisTier } from './redis-tier.js';
import type { TagState } from './tag-states.js';
import type { TagVersions } from './tag-versions.js';

/** A value that may be served, with what is left of its life. */
export interface Found {
  readonly value: CachedValue;
  readonly freshMs: number;
  readonly staleMs: number;
  readonly loadMs: number;
  readonly schema: number;
  readonly tags: readonly TagState[];
}

/** What Redis has of one key. `lease`: see `Reading`. */
export type Look =
  | { readonly kind: 'fresh'; readonly found: Found }
  | { readonly kind: 'stale'; readonly found: Found; readonly lease: string }
  | { readonly kind: 'missing'; readonly lease: string }
  /** Redis did not say, or cannot be trusted about this key. */
  | { readonly kind: 'unknown' };

/** There is a value, and it is of no use: outdated by its tags or schema, or not to be read. */
interface Rejected {
  readonly kind: 'rejected';
  readonly stamp: string;
  readonly isCorrupt: boolean;
  readonly lease: string;
}

export interface StoredReaderOptions {
  readonly redis: RedisTier;
  readonly tags: TagVersions;
  readonly telemetry: Telemetry;
}

/** Reads values from Redis and tells which of them may be served. */
export class StoredReader {
  readonly #redis: RedisTier;
  readonly #tags: TagVersions;
  readonly #telemetry: Telemetry;

  constructor({ redis, tags, telemetry }: StoredReaderOptions) {
    this.#redis = redis;
    this.#tags = tags;
    this.#telemetry = telemetry;
  }

  /** One trip, and a second one where there are values of no use that a lease was asked for. `null`: out of reach. */
  async read(names: readonly string[], terms: ReadTerms, schema: number): Promise<readonly Look[] | null> {
    const readings = await this.#redis.read(names, terms);
    if (readings === null) return null;
    const judged = readings.map((reading) => this.#judge(reading, schema));
    const looks = judged.some(isPromise) ? await Promise.all(judged) : (judged as (Look | Rejected)[]);
    if (!looks.some(isRejected)) return looks as readonly Look[];
    return this.#withoutRejected(names, looks, terms, schema);
  }

  /** What a reading is worth by itself. */
  async open(reading: Reading | null, schema: number): Promise<Look> {
    const look = await this.#judge(reading ?? NOTHING, schema);
    return isRejected(look) ? { kind: 'missing', lease: look.lease } : look;
  }

  /** At once, but for values with tags and those that are compressed. */
  #judge(reading: Reading | undefined, schema: number): Look | Rejected | Promise<Look | Rejected> {
    if (reading === undefined) return { kind: 'unknown' };
    const { text, lease } = reading;
    if (text === null) return { kind: 'missing', lease };
    const envelope = openEnvelope(text);
    if (envelope === undefined) return this.#foreign(text, lease);
    if (envelope.schema !== schema) return rejected(envelope, lease);
    if (envelope.tags.length > 0 || isCompressed(envelope.payload))
      return this.#judgeLater(reading, envelope);
    return this.#judgeValue(reading, envelope, cachedValue(envelope.payload), NO_TAGS);
  }

  async #judgeLater(reading: Reading, envelope: Envelope): Promise<Look | Rejected> {
    const tags = await this.#tags.check(envelope.tags);
    if (tags === null) return { kind: 'unknown' };
    if (tags === 'outdated') return rejected(envelope, reading.lease);
    return this.#judgeValue(reading, envelope, await decodedFrom(envelope), tags);
  }

  #judgeValue(
    { leftMs, lease }: Reading,
    envelope: Envelope,
    value: Decoded,
    tags: readonly TagState[],
  ): Look | Rejected {
    if (value === 'other-format') return rejected(envelope, lease);
    if (value === 'corrupt') {
      this.#telemetry.event({ type: 'cache.corrupt-entry' });
      return { ...rejected(envelope, lease), isCorrupt: true };
    }
    const { staleMs, loadMs, schema } = envelope;
    const found: Found = { value, freshMs: Math.max(0, leftMs - staleMs), staleMs, loadMs, schema, tags };
    // Early, the lease was granted although the value is fresh.
    if (found.freshMs > 0 && lease === '') return { kind: 'fresh', found };
    return { kind: 'stale', found, lease };
  }

  // Without a header that can be read there is no stamp to delete it by; a fill replaces it.
  #foreign(text: string, lease: string): Look {
    if (text.startsWith('2')) this.#telemetry.event({ type: 'cache.corrupt-entry' });
    return { kind: 'missing', lease };
  }

  async #withoutRejected(
    names: readonly string[],
    looks: readonly (Look | Rejected)[],
    terms: ReadTerms,
    schema: number,
  ): Promise<readonly Look[]> {
    const isLeased = (look: Rejected) => look.lease !== '' || terms.leaseMs === 0;
    const rest = looks.map(
      (look): Look => (isRejected(look) ? { kind: 'missing', lease: look.lease } : look),
    );
    const places = looks.flatMap((look, place) => {
      // What is merely not for us is left to those it is for, unless it stands in the way of a load.
      return isRejected(look) && (look.isCorrupt || !isLeased(look)) ? [place] : [];
    });
    if (places.length === 0) return rest;
    const again = await this.#redis.read(
      places.map((place) => names[place] ?? ''),
      { ...terms, earlyMs: 0 },
      places.map((place) => stampOf(looks[place])),
    );
    for (const [index, place] of places.entries()) {
      const reading = again?.[index];
      rest[place] = reading === undefined ? { kind: 'unknown' } : await this.open(reading, schema);
    }
    return rest;
  }
}

const NOTHING: Reading = { text: null, leftMs: 0, lease: '' };

function isRejected(look: Look | Rejected): look is Rejected {
  return look.kind === 'rejected';
}

function stampOf(look: Look | Rejected | undefined): string {
  return look?.kind === 'rejected' ? look.stamp : '';
}

type Decoded = ReturnType<typeof cachedValue>;

const NO_TAGS: readonly TagState[] = [];

function rejected({ stamp }: Envelope, lease: string): Rejected {
  return { kind: 'rejected', stamp, isCorrupt: false, lease };
}

function isPromise(value: object): value is Promise<unknown> {
  return value instanceof Promise;
}

async function decodedFrom({ payload }: Envelope): Promise<Decoded> {
  if (!isCompressed(payload)) return cachedValue(payload);
  const text = await decompress(payload);
  return text === undefined ? 'corrupt' : cachedValue(text);
}
