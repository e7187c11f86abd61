import type { DedicatedConnection } from '../database/dedicated-connection.js';
import type { EmbeddingShape } from '../schema/embedding-shape.js';
import { definitionOf } from './expected-definition.js';
import { findIn, type IndexCatalog, readCatalog } from './index-catalog.js';
import {
  coveringIndex,
  DEFAULT_HNSW,
  fullTextIndex,
  type HnswShape,
  hnswIndex,
  type IndexDefinition,
  kindOfName,
  metadataIndex,
  partialHnswIndex,
  temporaryNames,
  userOfName,
} from './index-definition.js';
import type { RebuildInput } from './index-input.js';
import type { BuildResources, IndexWork } from './index-session.js';
import { analyze, buildIndex, clearUp, dropIndex, swapNames, sweep, warnOfMemory } from './index-steps.js';
import type { RebuildIndexReport } from './vector-index-service.js';
import { shapeOf } from './wanted-indexes.js';

/**
 * Builds indexes anew, each beside the old one. The session holds the lock.
 *
 * Not by `REINDEX CONCURRENTLY`, which keeps `m` and `ef_construction`: one way for all, with one kind of
 * leftover of ours to sweep.
 */
export async function rebuildIndexes(
  connection: DedicatedConnection,
  input: RebuildInput,
  embedding: EmbeddingShape,
  resources: BuildResources,
  work: IndexWork,
): Promise<RebuildIndexReport> {
  const catalog = await readCatalog(connection, work.operation);
  const definitions = toRebuild(input, catalog, embedding, work.operation);
  const swept = await sweep(connection, catalog, new Set(definitions.map(({ name }) => name)), work);
  for (const [index, definition] of definitions.entries()) {
    const { name, kind } = definition;
    const started = performance.now();
    work.onEvent({ type: 'started', index: name, kind, number: index + 1, total: definitions.length });
    const rows = kind === 'hnsw' ? catalog.liveRows : (findIn(catalog, name)?.rows ?? 0);
    warnOfMemory(definition, rows, embedding, resources, work);
    if (findIn(catalog, name)?.isValid) await replace(connection, definition, work);
    else await buildIndex(connection, definition, name, work);
    work.onEvent({ type: 'done', index: name, durationMs: Math.round(performance.now() - started) });
  }
  if (definitions.some(({ kind }) => kind === 'metadata')) await analyze(connection);
  return { rebuilt: definitions.map(({ name }) => name), swept };
}

/** Searches have an index of that name at every moment. What a failure leaves beside it is dropped as far as the connection allows. */
async function replace(
  connection: DedicatedConnection,
  definition: IndexDefinition,
  work: IndexWork,
): Promise<void> {
  const { fresh, old } = temporaryNames(definition.name);
  try {
    await buildIndex(connection, definition, fresh, work);
    await swapNames(connection, definition.name, work);
    await dropIndex(connection, old, work);
  } catch (error) {
    await clearUp(connection, fresh);
    await clearUp(connection, old);
    throw error;
  }
  work.onEvent({ type: 'dropped', index: old });
}

type MakeIndex = (shape: HnswShape) => IndexDefinition;

function toRebuild(
  input: RebuildInput,
  catalog: IndexCatalog,
  embedding: EmbeddingShape,
  operation: string,
): readonly IndexDefinition[] {
  return chosen(input, catalog, embedding, operation).map((make) => {
    const found = findIn(catalog, make(DEFAULT_HNSW).name);
    const before = found?.isValid ? definitionOf(operation, found, embedding).hnsw : null;
    return make(shapeOf(input, before ?? DEFAULT_HNSW));
  });
}

function chosen(
  { kind, users, metadataFields }: RebuildInput,
  catalog: IndexCatalog,
  embedding: EmbeddingShape,
  operation: string,
): readonly MakeIndex[] {
  const { column } = embedding;
  const there = catalog.indexes.filter(({ name }) => kindOfName(name) === kind);
  switch (kind) {
    case 'covering':
      return [() => coveringIndex];
    case 'full-text':
      return [() => fullTextIndex];
    case 'hnsw':
      return [(shape) => hnswIndex(column, shape)];
    case 'partial-hnsw':
      return (users ?? there.flatMap(({ name }) => userOfName(name) ?? [])).map(
        (userId) => (shape) => partialHnswIndex(column, shape, userId),
      );
    case 'metadata': {
      const definitions =
        metadataFields?.map(metadataIndex) ?? there.map((found) => definitionOf(operation, found, embedding));
      return definitions.map((definition) => () => definition);
    }
  }
}
