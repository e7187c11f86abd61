import type { EmbeddingShape } from '../schema/embedding-shape.js';
import { definitionOf } from './expected-definition.js';
import { findIn, type IndexCatalog } from './index-catalog.js';
import {
  coveringIndex,
  DEFAULT_HNSW,
  fullTextIndex,
  type HnswShape,
  hnswIndex,
  type IndexDefinition,
  metadataIndex,
  partialHnswIndex,
} from './index-definition.js';
import type { EnsureInput, WantedHnsw } from './index-input.js';
import type { EnsureIndexesReport } from './vector-index-service.js';

/** The indexes asked for, in the order they are built: those that searches cannot do without first. */
export function wantedIndexes(
  { hnsw, metadataFields }: Pick<EnsureInput, 'hnsw' | 'metadataFields'>,
  embedding: EmbeddingShape,
  heavyUsers: readonly string[],
): readonly IndexDefinition[] {
  return [
    coveringIndex,
    fullTextIndex,
    ...metadataFields.map(metadataIndex),
    ...graphs(hnsw, embedding, heavyUsers),
  ];
}

function graphs(
  hnsw: WantedHnsw | null,
  { column }: EmbeddingShape,
  heavyUsers: readonly string[],
): readonly IndexDefinition[] {
  if (hnsw === null) return [];
  const shape = shapeOf(hnsw);
  if (hnsw.users === undefined && hnsw.heaviestUsers === undefined) return [hnswIndex(column, shape)];
  const users = new Set([...(hnsw.users ?? []), ...heavyUsers]);
  return [...users].map((userId) => partialHnswIndex(column, shape, userId));
}

/** The tuning asked for, or that of the index before. pgvector refuses less than two candidates a link. */
export function shapeOf(
  { m, efConstruction }: { readonly m?: number | undefined; readonly efConstruction?: number | undefined },
  before: HnswShape = DEFAULT_HNSW,
): HnswShape {
  const links = m ?? before.m;
  return { m: links, efConstruction: efConstruction ?? Math.max(before.efConstruction, 2 * links) };
}

export const isAllThere = (catalog: IndexCatalog, wanted: readonly IndexDefinition[]) =>
  catalog.leftovers.length === 0 &&
  catalog.indexes.every(({ isValid }) => isValid) &&
  wanted.every(({ name }) => findIn(catalog, name)?.isValid);

/** What is there of the indexes asked for. `conflict` for an index of such a name that indexes something else. */
export function takeExisting(
  operation: string,
  catalog: IndexCatalog,
  wanted: readonly IndexDefinition[],
  embedding: EmbeddingShape,
): Pick<EnsureIndexesReport, 'existing' | 'differing'> {
  const existing: string[] = [];
  const differing: string[] = [];
  for (const { name, hnsw } of wanted) {
    const found = findIn(catalog, name);
    if (!found?.isValid) continue;
    const definition = definitionOf(operation, found, embedding);
    existing.push(name);
    const isOther =
      hnsw?.m !== definition.hnsw?.m || hnsw?.efConstruction !== definition.hnsw?.efConstruction;
    if (isOther) differing.push(name);
  }
  return { existing, differing };
}
