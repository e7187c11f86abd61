import { describe, expect, it } from 'vitest';
import { bitsOf, checkHalf, halfOf } from '../../src/database/half.js';

const half = (value: number) => halfOf(bitsOf(Float32Array.of(value))[0] ?? 0);

describe('halfOf', () => {
  it.each([
    [0, 0x0000],
    [-0, 0x8000],
    [1, 0x3c00],
    [-2, 0xc000],
    [65_504, 0x7bff],
    [65_519.99, 0x7bff],
    [65_520, 0x7c00],
    [2 ** -14, 0x0400],
    [2 ** -24, 0x0001],
    [2 ** -25, 0x0000], // a tie, and zero is even
    [1.5 * 2 ** -25, 0x0001],
    [3 * 2 ** -25, 0x0002], // a tie between 1 and 2
    [1 + 2 ** -11, 0x3c00], // a tie between 1 and the next
    [1 + 3 * 2 ** -11, 0x3c02],
    [2 ** -14 - 2 ** -26, 0x0400], // a carry out of the smallest
    [2 - 2 ** -12, 0x4000], // and into the exponent
    [1e-30, 0x0000],
  ])('gives %f as pgvector does', (value, expected) => {
    expect(half(value)).toBe(expected);
  });
});

describe('checkHalf', () => {
  const check = (numbers: readonly number[]) => checkHalf('test', 'embedding', Float32Array.from(numbers));

  it('takes what 16 bits can hold', () => {
    expect(check([65_519, 1e-9, -65_519]).isOk()).toBe(true);
  });

  it('names the number that is too large', () => {
    const error = check([1, -65_520])._unsafeUnwrapErr();
    expect(error.issues).toEqual([{ path: 'embedding.1', message: expect.stringContaining('16-bit') }]);
  });

  it('refuses numbers that are all rounded to zero', () => {
    expect(check([1e-9, -1e-8])._unsafeUnwrapErr().issues[0]?.path).toBe('embedding');
  });
});
