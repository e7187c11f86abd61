import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { childPath, keyIssue, nameOf, ROOT_PATH } from '../../../src/cache/cache-key.js';
import { hashTagOf, RedisNames } from '../../../src/cache/redis-names.js';

const part = fc
  .string({
    unit: fc.constantFrom(':', 'a', '1', '{', '}', '{}', '{u42}', 'v:', 'é'),
    minLength: 1,
    maxLength: 8,
  })
  .filter((text) => keyIssue(text) === undefined);
const name = fc
  .tuple(fc.array(part, { maxLength: 2 }), part)
  .map(([path, key]) => nameOf(path.reduce(childPath, ROOT_PATH), key));
const keyPrefix = fc.constantFrom('', 'macro:', '{app}:', 'a:cache:');

describe('RedisNames', () => {
  it('gives a value and its lease one slot, whatever is in the key (R17)', () => {
    fc.assert(
      fc.property(keyPrefix, name, (prefix, one) => {
        const names = new RedisNames(prefix);
        expect(hashTagOf(names.value(one))).toBe(hashTagOf(names.lease(one)));
      }),
      { numRuns: 2_000 },
    );
  });

  it('gives different names different ones, and takes them back', () => {
    fc.assert(
      fc.property(keyPrefix, name, name, (prefix, one, other) => {
        const names = new RedisNames(prefix);
        expect(names.value(one) === names.value(other)).toBe(one === other);
        expect(names.parse(names.value(one))).toEqual({ kind: 'value', name: one });
        expect(names.parse(names.tag(one))).toEqual({ kind: 'tag', name: one });
        expect(names.parse(names.lease(one))).toBeUndefined();
        expect(names.parse(names.tagVersion(one))).toBeUndefined();
        expect(hashTagOf(names.tagVersion(one))).toBe(hashTagOf(names.tag(one)));
        const all = [
          names.value(one),
          names.lease(one),
          names.tag(one),
          names.tagVersion(one),
          names.channel,
        ];
        expect(new Set(all).size).toBe(5);
      }),
      { numRuns: 2_000 },
    );
  });

  it('gives keys with the same braces one slot, in any namespace', () => {
    const names = new RedisNames('macro:');
    const chats = childPath(ROOT_PATH, 'chats');
    const slots = [nameOf(ROOT_PATH, 'user:{42}'), nameOf(chats, '{42}:latest'), nameOf(chats, 'x{42}')];
    expect(slots.map((one) => hashTagOf(names.value(one)))).toEqual(['42', '42', '42']);
  });

  it('has prefixes to track of which no one begins with another', () => {
    const [values = '', tags = ''] = new RedisNames('macro:').trackedPrefixes;
    expect(values.startsWith(tags) || tags.startsWith(values)).toBe(false);
  });
});

describe('hashTagOf', () => {
  it.each([
    ['a', 'a'],
    ['{a}', 'a'],
    ['x{a}y{b}', 'a'],
    ['x{}{b}', 'x{}{b}'],
    ['x{a', 'x{a'],
    ['}x{a}', 'a'],
    ['{{a}}', '{a'],
  ])('of %j is %j, as Redis has it', (redisName, tag) => expect(hashTagOf(redisName)).toBe(tag));
});
