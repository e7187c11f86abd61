import {
  invalidInput,
  notFound,
  type StoreError,
  storeError,
  unredactedCauseOf,
  type WriteError,
} from '../errors.js';
import type { ImportRow } from './import-batch.js';
import { missingVectorParent } from './vector-refusals.js';

const OPERATION = 'vectors.import';
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
/** In any language of the server's messages. */
const COPY_LINE = /^COPY \S+, \D*(\d+)/m;

/** The error of a batch's statement, with the row of the source that it is about, as far as the server tells. */
export function refusedBatch(rows: readonly ImportRow[]) {
  return (error: WriteError): WriteError | StoreError<'not-found'> => {
    if (error.kind !== 'conflict' && error.kind !== 'invalid-input') return error;
    const cause = unredactedCauseOf(error);
    const position = refusedRow(rows, cause)?.position;
    if (error.kind === 'invalid-input') {
      if (position === undefined) return error;
      const issues = error.issues.map(({ path, message }) => ({ path: `rows.${position}.${path}`, message }));
      return invalidInput(OPERATION, issues, cause);
    }
    const parent = missingVectorParent(OPERATION)(error);
    if (parent.kind === 'not-found') return notFound(OPERATION, parent.entity, position);
    return idTaken(position, error.constraint, cause);
  };
}

/** The id of the row is that of a stored vector, or of an earlier row. */
export function idTaken(
  row: number | undefined,
  constraint = 'chat_vectors_pkey',
  cause?: unknown,
): StoreError<'conflict'> {
  const isOfSource = constraint === 'macro_store_import_id';
  const named = isOfSource ? 'chat_vectors_pkey' : constraint;
  const place = row === undefined ? 'a row' : `rows.${row}`;
  const message = isOfSource
    ? `${place} has the id of an earlier row`
    : `${place} violates the constraint "${named}"`;
  const fields = row === undefined ? { constraint: named } : { constraint: named, row };
  return storeError('conflict', OPERATION, message, fields, cause);
}

/**
 * By the line that COPY was at, or by the key that the server tells: a foreign key is checked when COPY is
 * through. The last such row, since an id that is there twice is refused the second time.
 */
function refusedRow(rows: readonly ImportRow[], cause: unknown): ImportRow | undefined {
  const { where, detail } = (cause ?? {}) as { where?: unknown; detail?: unknown };
  const line = typeof where === 'string' ? COPY_LINE.exec(where)?.[1] : undefined;
  if (line !== undefined) return rows[Number(line) - 1];
  const keys = typeof detail === 'string' ? (detail.match(UUID) ?? []) : [];
  if (keys.length === 0) return undefined;
  return rows.findLast(({ id, userId, chatId, messageId }) =>
    keys.every((key) => key === id || key === userId || key === chatId || key === messageId),
  );
}
