import { isSameIndex } from '../database/index-definition.js';
import { storeError } from '../errors.js';
import type { EmbeddingShape } from '../schema/embedding-shape.js';
import type { FoundIndex } from './index-catalog.js';
import {
  coveringIndex,
  DEFAULT_HNSW,
  fieldOfDefinition,
  fullTextIndex,
  hnswIndex,
  type IndexDefinition,
  metadataIndex,
  partialHnswIndex,
  userOfName,
} from './index-definition.js';

/**
 * What makes an index that is there once more, with the tuning that it has. `null` where it indexes something
 * else than its name says: then it is not ours to replace.
 */
export function expectedDefinition(found: FoundIndex, { column }: EmbeddingShape): IndexDefinition | null {
  const { name, definition } = found;
  const hnsw = {
    m: found.m ?? DEFAULT_HNSW.m,
    efConstruction: found.efConstruction ?? DEFAULT_HNSW.efConstruction,
  };
  const userId = userOfName(name);
  const field = fieldOfDefinition(name, definition);
  const candidates = [
    coveringIndex,
    fullTextIndex,
    hnswIndex(column, hnsw),
    ...(userId === null ? [] : [partialHnswIndex(column, hnsw, userId)]),
    ...(field === null ? [] : [metadataIndex(field)]),
  ];
  return (
    candidates.find((index) => index.name === name && isSameIndex(definition, index.statement(name))) ?? null
  );
}

/** The definition of an index that is there, which must be ours. */
export function definitionOf(
  operation: string,
  found: FoundIndex,
  embedding: EmbeddingShape,
): IndexDefinition {
  const definition = expectedDefinition(found, embedding);
  if (definition !== null) return definition;
  const message = `the index "${found.name}" indexes something else; drop or rename it`;
  throw storeError('conflict', operation, message, { constraint: found.name });
}
