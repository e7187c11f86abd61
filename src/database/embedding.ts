import { type SQL, sql } from 'drizzle-orm';
import { err, ok, type Result } from 'neverthrow';
import { type InputIssue, invalidInput, type StoreError, storeError } from '../errors.js';
import type { EmbeddingColumn } from '../schema/embedding-shape.js';
import { parameter } from './statement.js';
import type { Embedding } from './vector-wire.js';

const MIN_SQUARED_LENGTH = 1e-36;
const MAX_SQUARED_LENGTH = 1e36;

/** Checks an embedding before it is sent, as float32: the store's precision. */
export function checkEmbedding(
  operation: string,
  path: string,
  embedding: Embedding,
  dimensions: number,
  /** Takes the numbers of an array, where the caller is done with them before its next check. */
  scratch?: Float32Array,
): Result<Float32Array, StoreError<'invalid-input' | 'dimension-mismatch'>> {
  if (!(embedding instanceof Float32Array) && !Array.isArray(embedding)) {
    return err(invalidInput(operation, [{ path, message: 'must be an array of numbers or a Float32Array' }]));
  }
  if (embedding.length !== dimensions) {
    const message = `${path} has ${embedding.length} dimensions, but the store is configured for ${dimensions}`;
    return err(
      storeError('dimension-mismatch', operation, message, {
        expected: dimensions,
        actual: embedding.length,
      }),
    );
  }
  const floats = embedding instanceof Float32Array ? embedding : (scratch ?? new Float32Array(dimensions));
  const isCopied = floats === embedding || copyNumbers(embedding, floats);
  const squares = isCopied ? squaredLength(floats) : Number.NaN;
  // Neither holds of NaN.
  if (squares >= MIN_SQUARED_LENGTH && squares <= MAX_SQUARED_LENGTH) return ok(floats);
  return err(invalidInput(operation, [refusalOf(path, embedding, squares)]));
}

/** `false` where something is no number: a typed array would make one of it without a word. */
function copyNumbers(numbers: Embedding, floats: Float32Array): boolean {
  for (let index = 0; index < floats.length; index += 1) {
    const value: unknown = numbers[index];
    if (typeof value !== 'number') return false;
    floats[index] = value;
  }
  return true;
}

/** Four sums, since each addition to one and the same would wait for the one before: half the time. */
function squaredLength(floats: Float32Array): number {
  let [a, b, c, d] = [0, 0, 0, 0];
  const { length } = floats;
  for (let index = 0; index < length; index += 4) {
    const [w, x, y, z] = [
      floats[index] ?? 0,
      floats[index + 1] ?? 0,
      floats[index + 2] ?? 0,
      floats[index + 3] ?? 0,
    ];
    a += w * w;
    b += x * x;
    c += y * y;
    d += z * z;
  }
  return a + b + c + d;
}

/** What is wrong with an embedding whose squared length is out of bounds, as that of any with a bad number is. */
function refusalOf(path: string, embedding: Embedding, squares: number): InputIssue {
  for (let index = 0; index < embedding.length; index += 1) {
    const value: unknown = embedding[index];
    if (typeof value !== 'number' || !Number.isFinite(Math.fround(value))) {
      return { path: `${path}.${index}`, message: 'must be a finite number that a 32-bit float can hold' };
    }
  }
  if (squares === 0) return { path, message: 'must not be all zeros: it has no direction' };
  // The server adds up squares in 32 bits; past those bounds every distance would be NaN.
  return { path, message: 'must have a length between 1e-18 and 1e18' };
}

/**
 * The parameter `embedding` in the column's type. For `halfvec` in a subquery of its own: a reused plan
 * would convert it again for every row.
 */
export function embeddingParameter(column: EmbeddingColumn): SQL {
  const vector = sql`${parameter('embedding')}::vector`;
  return column === 'vector' ? vector : sql`(select ${vector}::halfvec)`;
}
