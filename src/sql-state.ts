import { invalidInput, type StoreError, storeError, type WriteErrorKind } from './errors.js';

/** The five-character SQLSTATE of a driver's error (pg and PGlite alike), or `undefined`. */
export function sqlStateOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  const { code } = error;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && /\d/.test(code) ? code : undefined;
}

type SqlErrorMapper = (operation: string, sqlState: string, error: unknown) => StoreError<WriteErrorKind>;

const unavailable =
  (message: string): SqlErrorMapper =>
  (operation, sqlState, error) =>
    storeError('unavailable', operation, `${message} (${sqlState})`, { sqlState }, error);

const conflict: SqlErrorMapper = (operation, sqlState, error) => {
  const constraint = textField(error, 'constraint') ?? 'unknown';
  return storeError(
    'conflict',
    operation,
    `violates the constraint "${constraint}" (${sqlState})`,
    { constraint },
    error,
  );
};

const refusedValue: SqlErrorMapper = (operation, sqlState, error) => {
  const path = textField(error, 'column') ?? textField(error, 'constraint') ?? 'value';
  return invalidInput(operation, [{ path, message: `was refused by the server (${sqlState})` }], error);
};

const notMigrated: SqlErrorMapper = (operation, sqlState, error) =>
  storeError(
    'not-migrated',
    operation,
    `the database lacks a table, column or type this version needs (${sqlState}); run store.migrate()`,
    {},
    error,
  );

const permissionDenied: SqlErrorMapper = (operation, sqlState, error) =>
  storeError(
    'permission-denied',
    operation,
    `the server refused this role (${sqlState})`,
    { sqlState },
    error,
  );

const transactionConflict: SqlErrorMapper = (operation, sqlState, error) =>
  storeError(
    'transaction-conflict',
    operation,
    `lost against a concurrent transaction (${sqlState})`,
    {},
    error,
  );

// No statement of ours takes the logarithm of 0 but the condition `isTable` (database/vector-tables.ts), to fail so.
const tableExchanged: SqlErrorMapper = (operation, sqlState, error) =>
  storeError(
    'transaction-conflict',
    operation,
    `a re-embedding exchanged the table of vectors meanwhile (${sqlState})`,
    {},
    error,
  );

const timeout =
  (message: string): SqlErrorMapper =>
  (operation, sqlState, error) =>
    storeError('timeout', operation, `${message} (${sqlState})`, {}, error);

/**
 * SQLSTATE → kind: five characters are looked up first, then the class (two).
 * Meanings: https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const SQLSTATE_TABLE: Readonly<Record<string, SqlErrorMapper>> = {
  '08': unavailable('the connection to the server was lost'),
  '22': refusedValue,
  '2201E': tableExchanged,
  '23': conflict,
  '23502': refusedValue,
  '23514': refusedValue,
  '25006': (operation, _sqlState, error) =>
    storeError('read-only', operation, 'the server or transaction is read-only (25006)', {}, error),
  '25P02': (operation, _sqlState, error) =>
    storeError(
      'transaction-ended',
      operation,
      'an earlier statement of this transaction failed (25P02)',
      {},
      error,
    ),
  '25P03': unavailable('the server ended an idle transaction'),
  '28': permissionDenied,
  '3D000': unavailable('the database named in the connection does not exist'),
  '40001': transactionConflict,
  '40P01': transactionConflict,
  '42501': permissionDenied,
  '42P01': notMigrated,
  '42703': notMigrated,
  '42704': notMigrated,
  '42883': notMigrated,
  '53': unavailable('the server is out of a resource'),
  '54': refusedValue,
  '55P03': timeout('a lock was not granted in time'),
  '57014': timeout('the server cancelled the statement'),
  '57P01': unavailable('the server ended the connection'),
  '57P02': unavailable('the server crashed'),
  '57P03': unavailable('the server does not accept connections yet'),
  '57P05': unavailable('the server ended an idle connection'),
};

/** Maps a driver's error with a SQLSTATE by the table above; any other SQLSTATE is `internal`. */
export function fromSqlState(
  operation: string,
  sqlState: string,
  error: unknown,
): StoreError<WriteErrorKind> {
  const mapper = SQLSTATE_TABLE[sqlState] ?? SQLSTATE_TABLE[sqlState.slice(0, 2)];
  if (mapper !== undefined) return mapper(operation, sqlState, error);
  return storeError(
    'internal',
    operation,
    `the server answered with SQLSTATE ${sqlState}`,
    { sqlState },
    error,
  );
}

function textField(error: unknown, field: string): string | undefined {
  const value = (error as Record<string, unknown>)[field];
  return typeof value === 'string' ? value : undefined;
}
