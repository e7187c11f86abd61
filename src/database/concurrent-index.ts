import { storeError } from '../errors.js';
import { cancellable } from './cancellable.js';
import type { DedicatedConnection } from './dedicated-connection.js';
import { type BuildProgress, watchBuild } from './index-build-watch.js';
import { IndexDiffersError, isSameIndex } from './index-definition.js';
import { ownRelation } from './own-relation.js';

/** One index that is built outside a transaction. */
export interface ConcurrentBuild {
  readonly operation: string;
  readonly index: string;
  readonly statement: string;
  /** Cancels the statement on the server, which leaves an invalid index. Default: the build goes to its end. */
  readonly signal?: AbortSignal | undefined;
}

export type IndexBuildEvent =
  | BuildProgress
  /** An invalid index, left by a run that was cut off, was dropped. */
  | { readonly type: 'index-repaired'; readonly index: string };

export type OnIndexBuildEvent = (event: IndexBuildEvent) => void;

/**
 * Builds the index, whatever an earlier run left: an invalid index is dropped first, and a valid one of the
 * same definition is taken. `IF NOT EXISTS` would take an invalid one in silence.
 */
export async function buildConcurrently(
  connection: DedicatedConnection,
  { operation, index, statement, signal }: ConcurrentBuild,
  onEvent: OnIndexBuildEvent,
): Promise<void> {
  const found = await findIndex(connection, index);
  if (found?.isValid) {
    if (!isSameIndex(found.definition, statement)) throw new IndexDiffersError(index);
    return;
  }
  if (found !== null) await repair(connection, index, onEvent);
  const watch = connection.isEmbedded ? null : await watchBuild(connection, index, onEvent);
  try {
    await cancellable(connection, statement, signal);
  } finally {
    await watch?.stop();
  }
  watch?.rethrow();
  const built = await findIndex(connection, index);
  if (!built?.isValid) {
    throw storeError('internal', operation, `the index "${index}" is not valid after its build`);
  }
}

/** Left by a cut-off build, an invalid index serves nobody and costs every insert. */
export async function dropInvalidIndex(
  connection: DedicatedConnection,
  index: string,
  onEvent: OnIndexBuildEvent,
): Promise<void> {
  const found = await findIndex(connection, index);
  if (found !== null && !found.isValid) await repair(connection, index, onEvent);
}

async function repair(
  connection: DedicatedConnection,
  index: string,
  onEvent: OnIndexBuildEvent,
): Promise<void> {
  await connection.query(`drop index concurrently "${index}"`);
  onEvent({ type: 'index-repaired', index });
}

interface FoundIndex {
  readonly isValid: boolean;
  readonly definition: string;
}

async function findIndex(connection: DedicatedConnection, index: string): Promise<FoundIndex | null> {
  const [row] = await connection.query<FoundIndex>(
    `select i.indisvalid and i.indisready as "isValid", pg_get_indexdef(i.indexrelid) as definition
     from pg_index i where i.indexrelid = ${ownRelation('$1::text')}`,
    [index],
  );
  return row ?? null;
}
