import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  childPath,
  fromText,
  keyIssue,
  MAX_KEY_BYTES,
  nameOf,
  ROOT_PATH,
  toText,
} from '../../../src/cache/cache-key.js';

// Strings over a few characters meet each other far more often than arbitrary ones.
const trickyKey = fc.oneof(
  fc.string({
    unit: fc.constantFrom(':', '*', 'a', '1', '{', '}', 'cache', '\0', '\u0001', '\u00011:a', 'é'),
    minLength: 1,
    maxLength: 6,
  }),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }),
);
const place = fc.record({ path: fc.array(trickyKey, { maxLength: 3 }), key: trickyKey });
type Place = { path: string[]; key: string };

const nameAt = ({ path, key }: Place) => nameOf(path.reduce(childPath, ROOT_PATH), key);
const isGood = ({ path, key }: Place) => [...path, key].every((part) => keyIssue(part) === undefined);

describe('nameOf', () => {
  it('gives different keys and namespaces different names, as bytes too', () => {
    fc.assert(
      fc.property(place, place, (one, other) => {
        fc.pre(isGood(one) && isGood(other));
        const isSame = JSON.stringify(one) === JSON.stringify(other);
        expect(nameAt(one) === nameAt(other)).toBe(isSame);
        const bytes = [one, other].map((at) => Buffer.from(toText(nameAt(at))).toString('hex'));
        expect(bytes[0] === bytes[1]).toBe(isSame);
      }),
      { numRuns: 1_000 },
    );
  });

  it('comes back from its text', () => {
    fc.assert(
      fc.property(place, (at) => {
        fc.pre(isGood(at));
        expect(fromText(toText(nameAt(at)))).toBe(nameAt(at));
      }),
    );
  });
});

describe('keyIssue', () => {
  it.each(['a', ':', '*', 'user:*', '{tag}', ' ', '\n', '\0', '😀', 'é'.repeat(MAX_KEY_BYTES / 2)])(
    'accepts %j',
    (key) => expect(keyIssue(key)).toBeUndefined(),
  );

  it.each([
    ['an empty string', ''],
    ['more bytes than the limit', 'a'.repeat(MAX_KEY_BYTES + 1)],
    ['few characters of many bytes', '€'.repeat(MAX_KEY_BYTES / 2)],
    ['half a surrogate pair, which as bytes is every other half', 'a\ud800'],
    ['a number', 42],
    ['nothing', undefined],
  ])('refuses %s', (_, key) => expect(keyIssue(key)).toMatchObject({ path: 'key' }));
});
