import { AsyncLocalStorage } from 'node:async_hooks';
import type { PGlite, Transaction } from '@electric-sql/pglite';
import { aborted, isStoreError, type StoreError, storeError, type WriteErrorKind } from '../errors.js';
import { fromSqlState, sqlStateOf } from '../sql-state.js';
import type { Driver, QueryOptions, QueryRows } from './executor.js';
import { decodeParsers, rawParsers } from './result-types.js';
import { beyondSession, SESSION_SETTINGS, settingsStatement } from './session-settings.js';
import type { BoundStatement } from './statement.js';
import { textWire } from './vector-wire.js';

/** The embedded database: PostgreSQL in this process, one connection. */
export interface EmbeddedDatabase {
  readonly driver: Driver;
  /** The PGlite instance, opened on the first call. Rejects with a `StoreError`. */
  open(operation: string): Promise<PGlite>;
  close(): Promise<void>;
}

/**
 * Prepares PGlite; its packages are loaded and the database opened with the first use.
 * Without a `dataDir` everything is in memory.
 */
export function prepareEmbedded(dataDir: string | null): EmbeddedDatabase {
  let opened: Promise<PGlite> | null = null;
  let isClosed = false;
  // One connection: a call from inside a transaction's work to anything but its scope would wait for the
  // transaction, and the transaction for it.
  const currentTransaction = new AsyncLocalStorage<{ isOpen: boolean }>();

  const open = async (operation: string): Promise<PGlite> => {
    if (isClosed) throw storeError('closed', operation, 'the store is closed');
    if (currentTransaction.getStore()?.isOpen) {
      throw storeError(
        'reentrant-call',
        operation,
        'the embedded database has one connection, and a transaction holds it: use the scope that its work was given',
      );
    }
    opened ??= openPglite(operation, dataDir).catch((error) => {
      opened = null; // so that the next call tries again
      throw error;
    });
    return opened;
  };

  const driver: Driver = {
    wire: textWire,

    async query(statement, queryOptions) {
      assertNotAborted(statement.operation, queryOptions.signal);
      const database = await open(statement.operation);
      const settings = beyondSession(queryOptions.settings);
      if (settings === null) return run(database, statement, queryOptions);
      return database.transaction(async (transaction) => {
        const { text, values } = settingsStatement(settings);
        await transaction.query(text, [...values]);
        return run(transaction, statement, queryOptions);
      });
    },

    async begin(operation, modes, { signal }) {
      assertNotAborted(operation, signal);
      const database = await open(operation);
      const marker = { isOpen: true };
      const { transaction, finish } = await openTransaction(database);
      const session = {
        query: async (statement: BoundStatement, queryOptions: QueryOptions) => {
          assertNotAborted(statement.operation, queryOptions.signal);
          return run(transaction, statement, queryOptions);
        },
        copyIn: null,
        enter: <T>(work: () => Promise<T>) => currentTransaction.run(marker, work),
        commit: async () => {
          marker.isOpen = false;
          try {
            await finish('commit');
          } catch (error) {
            throw toStoreError(operation, error);
          }
        },
        rollback: async () => {
          marker.isOpen = false;
          await finish('rollback').catch(() => undefined); // in one process there is nothing left to cut off
        },
      };
      if (modes !== '') {
        const setModes = { operation, name: null, text: `set transaction ${modes}`, values: [] };
        try {
          await session.query(setModes, { access: 'read' });
        } catch (error) {
          await session.rollback(); // or the one connection would stay in it
          throw error;
        }
      }
      return session;
    },
  };

  return {
    driver,
    open,
    async close() {
      isClosed = true;
      const database = await opened?.catch(() => null);
      if (database && !database.closed) await database.close();
    },
  };
}

async function openPglite(operation: string, dataDir: string | null): Promise<PGlite> {
  try {
    const [{ PGlite: Database }, { vector }] = await Promise.all([
      import('@electric-sql/pglite'),
      import('@electric-sql/pglite-pgvector'),
    ]);
    const database = await Database.create({
      ...(dataDir === null ? {} : { dataDir }),
      extensions: { vector },
    });
    const { text, values } = settingsStatement(SESSION_SETTINGS, { isLocal: false });
    await database.query(text, [...values]);
    return database;
  } catch (error) {
    const message =
      'the embedded database could not be opened; it needs the packages @electric-sql/pglite and ' +
      '@electric-sql/pglite-pgvector, and a data directory that no other process uses';
    throw storeError('unavailable', operation, message, {}, error);
  }
}

/** PGlite runs a transaction as a callback; we need its ends apart. */
function openTransaction(database: PGlite) {
  type Ending = 'commit' | 'rollback';
  return new Promise<{ transaction: Transaction; finish(ending: Ending): Promise<void> }>(
    (resolve, reject) => {
      const running = database.transaction(
        (transaction) =>
          new Promise<void>((end) => {
            const finish = async (ending: Ending) => {
              if (ending === 'rollback') await transaction.rollback();
              end();
              await running;
            };
            resolve({ transaction, finish });
          }),
      );
      running.catch(reject);
    },
  );
}

async function run(
  connection: Pick<PGlite, 'query'>,
  { operation, text, values }: BoundStatement,
  { raw = false }: QueryOptions,
): Promise<QueryRows> {
  try {
    return await connection.query(text, values as unknown[], {
      rowMode: raw ? 'array' : 'object',
      parsers: raw ? rawParsers : decodeParsers,
    });
  } catch (error) {
    throw toStoreError(operation, error);
  }
}

function assertNotAborted(operation: string, signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw aborted(operation);
}

function toStoreError(operation: string, error: unknown): StoreError<WriteErrorKind> {
  if (isStoreError(error)) return error as StoreError<WriteErrorKind>;
  const sqlState = sqlStateOf(error);
  if (sqlState !== undefined) return fromSqlState(operation, sqlState, error);
  return storeError('internal', operation, 'the embedded database failed', {}, error);
}
