import { setTimeout as sleep } from 'node:timers/promises';
import { cancellable } from '../database/cancellable.js';
import { buildConcurrently, dropInvalidIndex } from '../database/concurrent-index.js';
import type { DedicatedConnection, DedicatedScope } from '../database/dedicated-connection.js';
import { IndexDiffersError } from '../database/index-definition.js';
import { ownName } from '../database/own-relation.js';
import { aborted, isStoreError, storeError } from '../errors.js';
import type { EmbeddingShape } from '../schema/embedding-shape.js';
import { sqlStateOf } from '../sql-state.js';
import { graphBytes, settingBytes } from './build-memory.js';
import type { IndexCatalog } from './index-catalog.js';
import { baseOfTemporary, type IndexDefinition, temporaryNames } from './index-definition.js';
import type { BuildResources, IndexWork } from './index-session.js';

/** Bound on clearing up after an abort: the drop waits for every transaction that uses the table. */
const CLEAR_UP_MS = 5_000;
const SWAP_LOCK_TIMEOUT_MS = 500;
const SWAP_RETRY_FOR_MS = 60_000;
/** lock_not_available, deadlock_detected. */
const RETRYABLE: ReadonlySet<string> = new Set(['55P03', '40P01']);

/** Drops what cut-off work left: indexes under temporary names, and invalid ones that are not built again at once. */
export async function sweep(
  connection: DedicatedConnection,
  { indexes, leftovers }: IndexCatalog,
  toBuild: ReadonlySet<string>,
  work: IndexWork,
): Promise<string[]> {
  const invalid = indexes.filter(({ name, isValid }) => !isValid && !toBuild.has(name));
  const swept: string[] = [];
  // Somebody rebuilds by hand: theirs, and their lock would make us wait.
  for (const { name } of [...leftovers, ...invalid].filter(({ isBuilding }) => !isBuilding)) {
    await dropIndex(connection, name, work);
    work.onEvent({ type: 'swept', index: name });
    swept.push(name);
  }
  return swept;
}

/** Builds the index under a name. When that fails, what it left is dropped as far as the connection allows. */
export async function buildIndex(
  connection: DedicatedConnection,
  definition: IndexDefinition,
  name: string,
  work: IndexWork,
): Promise<void> {
  const { operation, signal, onEvent } = work;
  work.assertNotAborted();
  try {
    const build = { operation, index: name, statement: definition.statement(name), signal };
    await buildConcurrently(connection, build, onEvent);
  } catch (error) {
    await clearUp(connection, name);
    throw failureOf(error, work);
  }
}

/** Searches use it until the drop is through: the server waits for those that began before. */
export async function dropIndex(
  connection: DedicatedConnection,
  name: string,
  work: IndexWork,
): Promise<void> {
  work.assertNotAborted();
  try {
    const target = await ownName(connection, name);
    await cancellable(connection, `drop index concurrently if exists ${target}`, work.signal);
  } catch (error) {
    await clearUp(connection, name);
    throw failureOf(error, work);
  }
}

/**
 * Gives the fresh index the name, and the old one a temporary name. In one transaction, so that nobody ever
 * sees none; renaming an index locks out neither reads nor writes, and queues for its lock only briefly.
 */
export async function swapNames(
  connection: DedicatedConnection,
  name: string,
  work: IndexWork,
): Promise<void> {
  const { fresh, old } = temporaryNames(name);
  const [current, next] = [await ownName(connection, name), await ownName(connection, fresh)];
  const started = performance.now();
  for (let attempt = 1; ; attempt += 1) {
    try {
      work.assertNotAborted();
      await connection.transaction(async (scope) => {
        await scope.query(`set local lock_timeout = ${SWAP_LOCK_TIMEOUT_MS}`);
        await scope.query(`alter index ${current} rename to "${old}"`);
        await scope.query(`alter index ${next} rename to "${name}"`);
      });
      return work.onEvent({ type: 'swapped', index: name });
    } catch (error) {
      const sqlState = sqlStateOf(error);
      const pause = 100 + Math.random() * 400;
      const isLate = performance.now() + pause - started > SWAP_RETRY_FOR_MS;
      if (sqlState === undefined || !RETRYABLE.has(sqlState) || isLate) throw error;
      work.onEvent({ type: 'retrying', index: name, attempt, sqlState });
      await sleep(pause);
    }
  }
}

/**
 * Drops an index that is invalid or under a temporary name. What it cannot is left to the next call: the error
 * that led here counts.
 */
export async function clearUp(connection: DedicatedConnection, name: string): Promise<void> {
  try {
    if (!connection.isEmbedded) await connection.query(`set statement_timeout = ${CLEAR_UP_MS}`);
    if (baseOfTemporary(name) === null) await dropInvalidIndex(connection, name, () => undefined);
    else await connection.query(`drop index concurrently if exists ${await ownName(connection, name)}`);
  } catch {
    // The connection is gone, or somebody holds the table.
  }
}

function failureOf(error: unknown, { operation, signal }: IndexWork): unknown {
  if (error instanceof IndexDiffersError) {
    return storeError('conflict', operation, error.message, { constraint: error.index }, error);
  }
  if (signal?.aborted && !isStoreError(error)) return aborted(operation, error);
  return error;
}

/** Tells of a graph that is estimated not to fit. */
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
