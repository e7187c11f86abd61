import { customType } from 'drizzle-orm/pg-core';
import type { EmbeddingColumn } from './embedding-shape.js';

/** What a `jsonb` column of ours holds. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/** A `jsonb` object. Drizzle's own `jsonb` would take any value, also ones that JSON loses. */
export const jsonObject = customType<{ data: JsonObject; driverData: unknown }>({
  dataType: () => 'jsonb',
  toDriver: (value) => JSON.stringify(value),
  fromDriver: (value) => (typeof value === 'string' ? JSON.parse(value) : value) as JsonObject,
});

/** An instant to the millisecond, so that a JavaScript `Date` round-trips exactly and keyset cursors are safe. */
export const instant = customType<{ data: Date; driverData: Date | string }>({
  dataType: () => 'timestamp (3) with time zone',
  toDriver: (value) => value.toISOString(),
  fromDriver: (value) => (typeof value === 'string' ? new Date(value) : value),
});

/**
 * A pgvector column, `vector(n)` or `halfvec(n)`, as text in both directions: for Drizzle queries by hand.
 * The store's own statements send vectors in binary and never read them back unasked.
 */
export const embeddingVector = customType<{
  data: readonly number[];
  driverData: string;
  config: { dimensions: number; column: EmbeddingColumn };
  configRequired: true;
}>({
  dataType: ({ dimensions, column }) => `${column}(${dimensions})`,
  toDriver: (value) => `[${value.join(',')}]`,
  fromDriver: (value) => JSON.parse(value) as number[],
});

/** One bit a dimension: its sign. */
export const bitString = customType<{
  data: string;
  driverData: string;
  config: { length: number };
  configRequired: true;
}>({
  dataType: ({ length }) => `bit(${length})`,
});
