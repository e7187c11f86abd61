const EXPONENT_BIAS = 15;
const FRACTION_BITS = 10;
const INFINITE_EXPONENT = 31;

/** Rows of IEEE half floats, little-endian, one after the other. */
export function decodeHalfFloats(bytes: Buffer, dimensions: number): Float32Array[] {
  const halves = new Uint16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  const rows: Float32Array[] = [];
  for (let start = 0; start < halves.length; start += dimensions) {
    rows.push(Float32Array.from(halves.subarray(start, start + dimensions), decodeHalfFloat));
  }
  return rows;
}

function decodeHalfFloat(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> FRACTION_BITS) & INFINITE_EXPONENT;
  const fraction = (half & (2 ** FRACTION_BITS - 1)) / 2 ** FRACTION_BITS;
  if (exponent === INFINITE_EXPONENT) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0
    ? sign * fraction * 2 ** (1 - EXPONENT_BIAS)
    : sign * (1 + fraction) * 2 ** (exponent - EXPONENT_BIAS);
}

/** The reverse of {@link decodeHalfFloats}, for numbers between -1 and 1; the last bit is rounded to nearest. */
export function encodeHalfFloats(rows: readonly ArrayLike<number>[]): Buffer {
  const halves = Uint16Array.from(rows.flatMap((row) => Array.from(row, encodeHalfFloat)));
  return Buffer.from(halves.buffer);
}

function encodeHalfFloat(value: number): number {
  const sign = value < 0 ? 0x8000 : 0;
  const size = Math.abs(value);
  const exponent = Math.max(Math.floor(Math.log2(size)), 1 - EXPONENT_BIAS);
  const isNormal = size >= 2 ** (1 - EXPONENT_BIAS);
  const fraction = Math.round((size / 2 ** exponent - (isNormal ? 1 : 0)) * 2 ** FRACTION_BITS);
  // A fraction rounded up to 1 carries into the exponent, which is what adding does.
  return sign | ((isNormal ? (exponent + EXPONENT_BIAS) << FRACTION_BITS : 0) + fraction);
}
