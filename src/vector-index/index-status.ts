import type { EmbeddingShape } from '../schema/embedding-shape.js';
import { defaultBuildBytes, graphBytes } from './build-memory.js';
import { expectedDefinition } from './expected-definition.js';
import { adviceFor } from './index-advice.js';
import { type FoundIndex, findIn, type IndexCatalog } from './index-catalog.js';
import {
  coveringIndex,
  DEFAULT_HNSW,
  fieldOfDefinition,
  fullTextIndex,
  hnswIndex,
  kindOfName,
  userOfName,
} from './index-definition.js';
import type { VectorIndexesStatus, VectorIndexStatus } from './vector-index-status.js';

/** The catalog in our words, with advice. */
export function describeIndexes(catalog: IndexCatalog, embedding: EmbeddingShape): VectorIndexesStatus {
  const standing = [coveringIndex, fullTextIndex, hnswIndex(embedding.column, DEFAULT_HNSW)];
  const others = catalog.indexes.filter(({ name }) => standing.every((index) => index.name !== name));
  const { liveRows, deadRows, largestUserRows } = catalog;
  return {
    liveRows,
    deadRows,
    largestUserRows,
    indexes: [
      ...standing.map(({ name, kind }) => describe(name, kind, findIn(catalog, name), catalog, embedding)),
      ...others.flatMap((found) => {
        const kind = kindOfName(found.name);
        return kind === null ? [] : [describe(found.name, kind, found, catalog, embedding)];
      }),
    ],
    leftovers: catalog.leftovers.map(({ name }) => name),
  };
}

function describe(
  name: string,
  kind: VectorIndexStatus['kind'],
  found: FoundIndex | null,
  catalog: IndexCatalog,
  embedding: EmbeddingShape,
): VectorIndexStatus {
  const isGraph = kind === 'hnsw' || kind === 'partial-hnsw';
  const m = found?.m ?? DEFAULT_HNSW.m;
  const efConstruction = found?.efConstruction ?? DEFAULT_HNSW.efConstruction;
  const rows = kind === 'hnsw' ? catalog.liveRows : (found?.rows ?? 0);
  const facts = {
    name,
    kind,
    exists: found !== null,
    isValid: found?.isValid ?? false,
    isBuilding: found?.isBuilding ?? false,
    sizeBytes: found?.sizeBytes ?? 0,
    definition: found?.definition ?? null,
    userId: userOfName(name),
    metadataField: found === null ? null : fieldOfDefinition(name, found.definition),
    hnsw:
      isGraph && found?.method === 'hnsw'
        ? { m, efConstruction, column: found.column ?? '', operatorClass: found.operatorClass }
        : null,
    buildMemory: isGraph
      ? { neededBytes: graphBytes(rows, embedding, m), availableBytes: defaultBuildBytes(catalog) }
      : null,
  };
  const isDifferent = found !== null && expectedDefinition(found, embedding) === null;
  return { ...facts, advice: adviceFor({ ...facts, isDifferent }, catalog) };
}
