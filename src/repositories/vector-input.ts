import { err, ok, type Result } from 'neverthrow';
import { z } from 'zod';
import { checkEmbedding } from '../database/embedding.js';
import { checkHalf } from '../database/half.js';
import type { Embedding } from '../database/vector-wire.js';
import { invalidInput, type StoreError } from '../errors.js';
import { id, inputIssues } from '../input.js';
import type { EmbeddingShape } from '../schema/embedding-shape.js';
import { content, metadata } from './input.js';
import { newId } from './new-id.js';

const body = {
  id: id.default(newId),
  chatId: id,
  messageId: id.nullable().default(null),
  content,
  // Checked by checkVector, which knows the dimensions and does not walk the array through zod.
  embedding: z.custom<Embedding>((value) => value !== undefined, { error: 'is missing' }),
  metadata,
};
export const vectorBody = z.strictObject(body);
export const newVector = z.strictObject({ userId: id, ...body });

export type CheckedBody = z.output<typeof vectorBody>;
export type CheckedVector = z.output<typeof newVector>;

/** As `checkInput`, for one of many rows: the paths begin with where it is, e.g. `rows.17.content`. */
export function checkRow<T>(
  operation: string,
  schema: z.ZodType<T>,
  value: unknown,
  path: readonly [list: string, index: number],
): Result<T, StoreError<'invalid-input'>> {
  const result = schema.safeParse(value);
  if (result.success) return ok(result.data);
  return err(invalidInput(operation, inputIssues(result.error, path.map(String))));
}

/** Checks that the embedding can be stored in the column. */
export function checkVector(
  operation: string,
  path: string,
  embedding: Embedding,
  { dimensions, column }: EmbeddingShape,
  scratch?: Float32Array,
): Result<Float32Array, StoreError<'invalid-input' | 'dimension-mismatch'>> {
  const checked = checkEmbedding(operation, path, embedding, dimensions, scratch);
  return column === 'vector' ? checked : checked.andThen((floats) => checkHalf(operation, path, floats));
}
