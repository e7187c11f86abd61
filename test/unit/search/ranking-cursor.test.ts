import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeRankingCursor,
  encodeRankingCursor,
  MAX_RANK,
  type RankingPosition,
  rankingFingerprint,
} from '../../../src/search/ranking-cursor.js';

const FINGERPRINT = rankingFingerprint('[1,2]', 'user', null);
const aPosition: RankingPosition = { distance: 0.25, id: '0198c1de-0000-7000-8000-0000000000aa', rank: 10 };

const decode = (cursor: string, fingerprint = FINGERPRINT) =>
  decodeRankingCursor('vectorSearch.search', cursor, fingerprint);
const encoded = (text: string) => Buffer.from(text).toString('base64url');

const position: fc.Arbitrary<RankingPosition> = fc.record({
  distance: fc.oneof(
    fc.double({ min: 0, max: 2, noNaN: true }),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
  ),
  id: fc.uuid(),
  rank: fc.integer({ min: 1, max: MAX_RANK }),
});

describe('a ranking cursor', () => {
  it('gives the very position back, to the last bit of its distance', () => {
    fc.assert(
      fc.property(position, (given) => {
        const { distance, id, rank } = decode(encodeRankingCursor(given, FINGERPRINT))._unsafeUnwrap();
        // Where distances are equal, 0 and -0 are too.
        expect(distance === given.distance && id === given.id && rank === given.rank).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });

  it('is made of characters that go into a URL, 200 at most', () => {
    fc.assert(
      fc.property(position, (given) => {
        expect(encodeRankingCursor(given, FINGERPRINT)).toMatch(/^[\w-]{1,200}$/);
      }),
    );
  });

  it('is refused by another search, by name of the field', () => {
    const cursor = encodeRankingCursor(aPosition, FINGERPRINT);
    for (const other of [rankingFingerprint('[1,2]', 'other', null), '', `${FINGERPRINT}x`]) {
      const error = decode(cursor, other)._unsafeUnwrapErr();
      expect(error).toMatchObject({
        kind: 'invalid-input',
        operation: 'vectorSearch.search',
        issues: [{ path: 'cursor' }],
      });
    }
  });

  it.each<[string, Partial<Record<keyof RankingPosition, unknown>>]>([
    ['the rank 0', { rank: 0 }],
    ['a negative rank', { rank: -1 }],
    ['a broken rank', { rank: 1.5 }],
    ['a rank that is no number', { rank: 'x' }],
    ['a rank beyond the last', { rank: MAX_RANK + 1 }],
    ['a rank in another writing', { rank: '1e1' }],
    ['a rank with more behind it', { rank: '10 10' }],
    ['no rank', { rank: '' }],
    ['an endless distance', { distance: Number.POSITIVE_INFINITY }],
    ['the distance before the first', { distance: Number.NEGATIVE_INFINITY }],
    ['a distance that is no number', { distance: Number.NaN }],
    ['a distance in another writing', { distance: '0.250' }],
    ['a distance in hex', { distance: '0x1' }],
    ['SQL for a distance', { distance: "0'::float8;--" }],
    ['an id in capitals', { id: aPosition.id.toUpperCase() }],
    ['an id that is none', { id: 'x' }],
    ['an empty id', { id: '' }],
  ])('is refused with %s', (_name, part) => {
    const forged = { ...aPosition, ...part } as RankingPosition;
    expect(decode(encodeRankingCursor(forged, FINGERPRINT)).isErr()).toBe(true);
  });

  it('is refused in any other writing', () => {
    const cursor = encodeRankingCursor(aPosition, FINGERPRINT);
    expect(decode(cursor).isOk()).toBe(true);
    for (const other of [`${cursor}=`, `${cursor} `, ` ${cursor}`, `${cursor}A`, cursor.slice(0, -1), '']) {
      expect(decode(other).isErr(), other).toBe(true);
    }
  });

  it('is either exactly what a page gave, or refused', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string().map(encoded), fc.base64String()), (text) => {
        expect(decode(text).isErr()).toBe(true);
      }),
    );
    // Any part of it replaced by anything.
    const cursor = encodeRankingCursor(aPosition, FINGERPRINT);
    fc.assert(
      fc.property(fc.nat(cursor.length), fc.nat(5), fc.string({ maxLength: 5 }), (at, skipped, put) => {
        const changed = cursor.slice(0, at) + put + cursor.slice(at + skipped);
        const result = decode(changed);
        if (result.isOk()) expect(encodeRankingCursor(result.value, FINGERPRINT)).toBe(changed);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('rankingFingerprint', () => {
  it('differs with the query and with each condition', () => {
    const filter = { roles: ['user'] };
    const all = [
      rankingFingerprint('[1,2]', 'user', null, undefined, 0.7),
      rankingFingerprint('[1,3]', 'user', null, undefined, 0.7),
      rankingFingerprint('[1,2]', 'other', null, undefined, 0.7),
      rankingFingerprint('[1,2]', 'user', 'chat', undefined, 0.7),
      rankingFingerprint('[1,2]', 'user', null, filter, 0.7),
      rankingFingerprint('[1,2]', 'user', null, undefined, null),
      // The same characters, cut elsewhere.
      rankingFingerprint('[1,2]', 'use', 'r', undefined, 0.7),
    ];
    expect(new Set(all).size).toBe(all.length);
  });

  it('is the same for the same, as text and as bytes', () => {
    const of = (query: unknown) => rankingFingerprint(query, 'user', { a: 1 });
    expect(of('[1,2]')).toBe(of('[1,2]'));
    expect(of(Buffer.from([1, 2, 255]))).toBe(of(Buffer.from([1, 2, 255])));
    expect(of(Buffer.from([1, 2, 255]))).not.toBe(of(Buffer.from([1, 2, 254])));
  });
});
