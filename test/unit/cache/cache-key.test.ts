import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keyIssue, MAX_KEY_BYTES, redisKey } from '../../../src/cache/cache-key.js';

// Strings over a few characters meet each other far more often than arbitrary ones.
const trickyKey = fc.oneof(
  fc.string({
    unit: fc.constantFrom(':', '*', 'a', '{', '}', 'cache', '\0', 'é'),
    minLength: 1,
    maxLength: 6,
  }),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }),
);

describe('redisKey', () => {
  it('gives different keys different names, as bytes', () => {
    fc.assert(
      fc.property(trickyKey, trickyKey, fc.constantFrom('', 'macro:', 'a:cache:'), (one, other, prefix) => {
        fc.pre(keyIssue(one) === undefined && keyIssue(other) === undefined);
        const names = [one, other].map((key) => Buffer.from(redisKey(prefix, key)).toString('hex'));
        expect(names[0] === names[1]).toBe(one === other);
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
