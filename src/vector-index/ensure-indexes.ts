import type { DedicatedConnection, DedicatedScope } from '../database/dedicated-connection.js';
import { storeError } from '../errors.js';
import type { EmbeddingShape } from '../schema/embedding-shape.js';
import { graphBytes, settingBytes } from './build-memory.js';
import { expectedDefinition } from './expected-definition.js';
import { findHeavyUsers } from './heavy-users.js';
import { type FoundIndex, findIn, type IndexCatalog, readCatalog } from './index-catalog.js';
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
import type { BuildResources, IndexWork } from './index-session.js';
import { buildIndex, sweep } from './index-steps.js';
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

/** Builds what is missing or invalid. The session holds the lock. */
export async function ensureIndexes(
  connection: DedicatedConnection,
  input: EnsureInput,
  embedding: EmbeddingShape,
  resources: BuildResources,
  work: IndexWork,
): Promise<EnsureIndexesReport> {
  const { hnsw } = input;
  const heavyUsers =
    hnsw?.heaviestUsers === undefined
      ? []
      : await findHeavyUsers(connection, hnsw.heaviestUsers, hnsw.minUserRows);
  const wanted = wantedIndexes(input, embedding, heavyUsers);
  const catalog = await readCatalog(connection, work.operation);
  const taken = takeExisting(work.operation, catalog, wanted, embedding);
  const missing = wanted.filter(({ name }) => !findIn(catalog, name)?.isValid);
  const swept = await sweep(connection, catalog, new Set(missing.map(({ name }) => name)), work);
  for (const [index, definition] of missing.entries()) {
    const { name, kind } = definition;
    const started = performance.now();
    work.onEvent({ type: 'started', index: name, kind, number: index + 1, total: missing.length });
    if (kind === 'hnsw') warnOfMemory(definition, catalog.liveRows, embedding, resources, work);
    await buildIndex(connection, definition, name, work);
    work.onEvent({ type: 'done', index: name, durationMs: Math.round(performance.now() - started) });
  }
  if (missing.some(({ kind }) => kind === 'metadata')) await analyze(connection);
  return { built: missing.map(({ name }) => name), ...taken, swept };
}

export function warnOfMemory(
  { name, hnsw }: IndexDefinition,
  rows: number,
  embedding: EmbeddingShape,
  { maintenanceWorkMem }: BuildResources,
  { onEvent }: IndexWork,
): void {
  if (hnsw === null) return;
  const neededBytes = graphBytes(rows, embedding, hnsw.m);
  const availableBytes = settingBytes(maintenanceWorkMem);
  if (neededBytes > availableBytes)
    onEvent({ type: 'memory-short', index: name, neededBytes, availableBytes });
}

/** An index of an expression has no statistics before, and the planner would guess. */
export async function analyze(connection: DedicatedScope): Promise<void> {
  await connection.query('analyze chat_vectors');
}
