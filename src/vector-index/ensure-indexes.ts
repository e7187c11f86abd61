import type { DedicatedConnection } from '../database/dedicated-connection.js';
import type { EmbeddingShape } from '../schema/embedding-shape.js';
import { findHeavyUsers } from './heavy-users.js';
import { findIn, readCatalog } from './index-catalog.js';
import type { EnsureInput } from './index-input.js';
import type { BuildResources, IndexWork } from './index-session.js';
import { analyze, buildIndex, sweep, warnOfMemory } from './index-steps.js';
import type { EnsureIndexesReport } from './vector-index-service.js';
import { takeExisting, wantedIndexes } from './wanted-indexes.js';

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
