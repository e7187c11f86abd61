import { isStoreError, type StoreError, type StoreErrorKind, storeError } from '../errors.js';
import { fromSqlState, sqlStateOf } from '../sql-state.js';

/** What a SQLSTATE can mean on a dedicated connection outside the statements of its work; any other is ours to look into. */
const EXPECTED: ReadonlySet<StoreErrorKind> = new Set<StoreErrorKind>([
  'unavailable',
  'permission-denied',
  'read-only',
  'timeout',
  'invalid-input',
]);

/** Whatever work on a dedicated connection threw, as a {@link StoreError}. */
export function dedicatedFailure(operation: string, error: unknown): StoreError {
  if (isStoreError(error)) return error;
  const sqlState = sqlStateOf(error);
  if (sqlState !== undefined) {
    const mapped = fromSqlState(operation, sqlState, error);
    if (EXPECTED.has(mapped.kind)) return mapped;
    return storeError(
      'internal',
      operation,
      `the server answered with SQLSTATE ${sqlState}`,
      { sqlState },
      error,
    );
  }
  if (error instanceof TypeError || error instanceof RangeError) {
    return storeError('internal', operation, 'the runner failed', {}, error);
  }
  return storeError('unavailable', operation, 'the connection to the database failed', {}, error);
}
