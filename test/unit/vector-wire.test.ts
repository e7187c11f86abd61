import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { binaryWire, textWire } from '../../src/database/vector-wire.js';

const OID = 16_389;
const floats = fc.float32Array({ minLength: 1, maxLength: 20, noNaN: true, noDefaultInfinity: true });

/** Reads pgvector's binary form as the server does. */
function readVector(bytes: Buffer): number[] {
  const dimensions = bytes.readInt16BE(0);
  expect(bytes.readInt16BE(2)).toBe(0);
  expect(bytes.length).toBe(4 + dimensions * 4);
  return Array.from({ length: dimensions }, (_, index) => bytes.readFloatBE(4 + index * 4));
}

/** Reads the binary form of an array as the server does. */
function readArray(bytes: Buffer): number[][] {
  expect([bytes.readInt32BE(0), bytes.readInt32BE(4), bytes.readUInt32BE(8)]).toEqual([1, 0, OID]);
  expect(bytes.readInt32BE(16)).toBe(1);
  const vectors: number[][] = [];
  let at = 20;
  for (let left = bytes.readInt32BE(12); left > 0; left -= 1) {
    const length = bytes.readInt32BE(at);
    vectors.push(readVector(bytes.subarray(at + 4, at + 4 + length)));
    at += 4 + length;
  }
  expect(at).toBe(bytes.length);
  return vectors;
}

describe('the binary form', () => {
  it('keeps every float32 to the bit', () => {
    fc.assert(
      fc.property(floats, (vector) => {
        expect(readVector(binaryWire.encode(vector) as Buffer)).toEqual([...vector]);
      }),
    );
  });

  it('is the same for numbers, for Float32Array and for a view that begins anywhere', () => {
    fc.assert(
      fc.property(floats, fc.nat(3), (vector, offset) => {
        const shifted = new Float32Array([...new Array<number>(offset).fill(9), ...vector, 9]);
        const view = shifted.subarray(offset, offset + vector.length);
        const expected = binaryWire.encode(vector);
        expect(binaryWire.encode([...vector])).toEqual(expected);
        expect(binaryWire.encode(view)).toEqual(expected);
      }),
    );
  });

  it('leaves the caller its numbers', () => {
    const vector = Float32Array.of(1, 2, 3);
    binaryWire.encode(vector);
    binaryWire.encodeMany([vector, vector], OID);
    expect([...vector]).toEqual([1, 2, 3]);
  });

  it('holds many vectors in one array', () => {
    fc.assert(
      fc.property(fc.array(floats, { minLength: 1, maxLength: 5 }), (vectors) => {
        const length = Math.min(...vectors.map((vector) => vector.length));
        const equal = vectors.map((vector) => vector.slice(0, length));
        expect(readArray(binaryWire.encodeMany(equal, OID) as Buffer)).toEqual(
          equal.map((vector) => [...vector]),
        );
      }),
    );
  });

  it('takes the most dimensions a column has', () => {
    const vector = Float32Array.from({ length: 4_000 }, (_, index) => index);
    expect(readVector(binaryWire.encode(vector) as Buffer)).toEqual([...vector]);
  });

  it('has an empty array', () => {
    expect(binaryWire.encodeMany([], OID)).toEqual(Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x40, 0x05]));
  });
});

describe('the text form', () => {
  it('reads back as the same float32', () => {
    fc.assert(
      fc.property(floats, (vector) => {
        const read = JSON.parse(textWire.encode(vector) as string) as number[];
        expect(Float32Array.from(read)).toEqual(Float32Array.from(vector, (value) => value + 0));
      }),
    );
  });

  it('holds many vectors in one array', () => {
    expect(textWire.encodeMany([[1, 2], Float32Array.of(0.5, -1)], OID)).toBe('{"[1,2]","[0.5,-1]"}');
    expect(textWire.encodeMany([], OID)).toBe('{}');
  });
});
