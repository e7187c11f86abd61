import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decode, encode } from '../../../src/cache/codec.js';

const plainValue = fc
  .anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withSet: true,
    withTypedArray: true,
    withSparseArray: true,
    withNullPrototype: true,
    withUnicodeString: true,
  })
  .filter((value) => value !== undefined && !hasProtoKey(value));

// `__proto__` is refused, see below.
function hasProtoKey(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const children = value instanceof Map ? [...value.keys(), ...value.values()] : [...Object.values(value)];
  if (value instanceof Set) children.push(...value);
  return Object.keys(value).includes('__proto__') || children.some(hasProtoKey);
}

function payloadOf(value: unknown): string {
  const encoding = encode(value);
  if (encoding.kind === 'refused') throw new Error(encoding.reason);
  return encoding.payload;
}

function roundTrip(value: unknown): unknown {
  const decoding = decode(payloadOf(value));
  if (decoding.kind !== 'decoded') throw new Error(decoding.kind);
  return decoding.value;
}

describe('encode and decode', () => {
  it('give back any plain value', () => {
    fc.assert(
      fc.property(plainValue, (value) => {
        expect(roundTrip(value)).toStrictEqual(value);
      }),
    );
  });

  it.each([
    ['null', null],
    ['NaN, -0 and Infinity', [NaN, -0, Infinity, -Infinity]],
    ['a date', new Date('2024-02-29T12:00:00.123Z')],
    ['a bigint', 2n ** 80n],
    ['undefined inside', { a: undefined, b: [undefined] }],
    ['bytes', new Uint8Array([0, 255, 10, 13])],
    ['a map of maps', new Map([['a', new Map([[1n, new Set(['x'])]])]])],
    ['half a surrogate pair', { '\ud800': '\udfff' }],
    ['a URL', new URL('https://example.org/?q=1#a')],
  ])('give back %s', (_, value) => expect(roundTrip(value)).toStrictEqual(value));

  it('give back a value that contains itself', () => {
    const self: { me?: unknown } = {};
    self.me = self;
    const copy = roundTrip(self) as { me: unknown };
    expect(copy.me).toBe(copy);
  });

  it('give back a Buffer as bytes', () => {
    expect(roundTrip(Buffer.from('abc'))).toStrictEqual(new Uint8Array([97, 98, 99]));
  });
});

describe('encode', () => {
  it.each([
    ['undefined', undefined],
    ['a function', { call: () => 1 }],
    ['a symbol', [Symbol('s')]],
    ['a class instance', new (class Secret {})()],
    ['an error', new Error('secret')],
    ['a promise', { later: Promise.resolve(1) }],
    ['a __proto__ key', JSON.parse('{"__proto__": {"isAdmin": true}}')],
    ['a getter that throws', Object.defineProperty({}, 'x', { enumerable: true, get: () => boom() })],
  ])('refuses %s', (_, value) => expect(encode(value)).toMatchObject({ kind: 'refused' }));

  it('refuses nesting that is too deep instead of overflowing the stack', () => {
    let deep: unknown[] = [];
    for (let level = 0; level < 200_000; level += 1) deep = [deep];
    expect(encode(deep).kind).toBe('refused');
  });

  it('counts bytes, not characters', () => {
    const encoding = encode('€€€');
    expect(encoding).toMatchObject({ bytes: Buffer.byteLength(payloadOf('€€€')) });
    expect(payloadOf('€€€').length).toBeLessThan(Buffer.byteLength(payloadOf('€€€')));
  });

  it('stores the visible bytes of a view and none of the buffer behind it', () => {
    const pool = new TextEncoder().encode('password-of-somebody-else visible');
    const view = new Uint8Array(pool.buffer, 26, 7);
    const payload = payloadOf(view);
    expect(roundTrip(view)).toStrictEqual(new TextEncoder().encode('visible'));
    expect(payload).not.toContain(Buffer.from('password').toString('base64').slice(0, 8));
    expect(payload.length).toBeLessThan(60);
  });
});

describe('decode', () => {
  it('never throws, whatever it is given', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.string().map((rest) => `j${rest}`),
          fc.string().map((rest) => `d${rest}`),
        ),
        (payload) => {
          expect(['decoded', 'other-format', 'corrupt']).toContain(decode(payload).kind);
        },
      ),
    );
  });

  it.each(['', 'j', 'j{', 'd', 'd{', 'd[', 'j"cut', 'd[["Unknown",1]]', 'd-1', 'd[{"__proto__":1},1]'])(
    'takes %j for corrupt',
    (payload) => expect(decode(payload)).toEqual({ kind: 'corrupt' }),
  );

  it('leaves out what is called __proto__, however it is written', () => {
    for (const name of ['__proto__', '\\u005f_proto__', '__proto\\u005F_']) {
      const decoding = decode(`j{"a":1,"${name}":{"isAdmin":true},"list":[{"${name}":1}]}`);
      expect(decoding).toEqual({ kind: 'decoded', value: { a: 1, list: [{}] } });
      expect(decoding.kind === 'decoded' && Object.keys(Object(decoding.value))).toEqual(['a', 'list']);
    }
  });

  it('leaves a payload of another format alone', () => {
    expect(decode(`2${payloadOf('x').slice(1)}`)).toEqual({ kind: 'other-format' });
  });
});

function boom(): never {
  throw new Error('getter');
}
