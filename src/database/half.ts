import { err, ok, type Result } from 'neverthrow';
import { invalidInput, type StoreError } from '../errors.js';

/** The bits of the first float32 that rounds to infinity in 16 bits: 65,520. */
const TOO_LARGE = 0x477ff000;
/** Of 2^-25: this and all below round to zero. */
const TOO_SMALL = 0x33000000;
/** Of 2^-14: below it a half has no leading one. */
const SMALLEST_NORMAL = 0x38800000;

/** The half of a float32, both as bits, rounded to the nearest and on a tie to the even one, as pgvector does. */
export function halfOf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude <= TOO_SMALL) return sign;
  if (magnitude >= SMALLEST_NORMAL) {
    // The exponent's bias is 127 in one and 15 in the other; a carry goes into the exponent, as it should.
    return sign | shiftedToEven(magnitude - 0x38000000, 13);
  }
  return sign | shiftedToEven((magnitude & 0x7fffff) | 0x800000, 126 - (magnitude >>> 23));
}

function shiftedToEven(value: number, shift: number): number {
  const kept = value >>> shift;
  const rest = value & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return rest > half || (rest === half && (kept & 1) === 1) ? kept + 1 : kept;
}

/** The bits of each number. */
export function bitsOf(floats: Float32Array): Uint32Array {
  return new Uint32Array(floats.buffer, floats.byteOffset, floats.length);
}

/** Checks that an embedding is still one in 16 bits: nothing of it is infinite, and not all of it zero. */
export function checkHalf(
  operation: string,
  path: string,
  floats: Float32Array,
): Result<Float32Array, StoreError<'invalid-input'>> {
  const bits = bitsOf(floats);
  let isZero = true;
  for (let index = 0; index < bits.length; index += 1) {
    const magnitude = (bits[index] ?? 0) & 0x7fffffff;
    if (magnitude >= TOO_LARGE) {
      const message = 'must be a number that a 16-bit float can hold, below 65,520';
      return err(invalidInput(operation, [{ path: `${path}.${index}`, message }]));
    }
    if (magnitude > TOO_SMALL) isZero = false;
  }
  if (!isZero) return ok(floats);
  return err(invalidInput(operation, [{ path, message: 'must not be all zeros in 16-bit floats' }]));
}
