import { setTimeout as sleep } from 'node:timers/promises';
import type { PGlite } from '@electric-sql/pglite';
import pg from 'pg';
import { storeError } from '../errors.js';
import { connectHint } from './connection-settings.js';

/** Where statements go. Queries reject with the driver's own errors. */
export interface DedicatedScope {
  query<Row>(text: string, values?: readonly unknown[]): Promise<readonly Row[]>;
}

/** A connection outside the pool, for work that takes long or changes the session: migrations, index builds. */
export interface DedicatedConnection extends DedicatedScope {
  /** Embedded: nobody else is there, so there is no lock to take and no pooler to refuse. */
  readonly isEmbedded: boolean;
  /** The id the server announced at start; a pooler announces one of its own. */
  readonly processId: number | null;
  /** All of the work or, when it throws, nothing. */
  transaction<T>(work: (scope: DedicatedScope) => Promise<T>): Promise<T>;
  /** Another connection to the same place, to look at this one from outside. */
  openAnother(): Promise<DedicatedConnection>;
  close(): Promise<void>;
}

/** What a connection is opened for. */
export interface ConnectionPurpose {
  /** As errors call it. */
  readonly operation: string;
  /** As the server lists the session. */
  readonly applicationName: string;
}

const CONNECT_TIMEOUT_MS = 10_000;
const CLOSE_TIMEOUT_MS = 2_000;
/** The longest a timer takes. An index build has no time limit, whatever the application gives its queries. */
const NO_QUERY_TIMEOUT_MS = 2_147_483_647;

/** Opens a connection of its own from connection settings. */
export async function connectDedicated(
  settings: pg.ClientConfig,
  purpose: ConnectionPurpose,
): Promise<DedicatedConnection> {
  // No start-up parameters: poolers refuse those they do not know, and we want to name the pooler ourselves.
  const client = new pg.Client({
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    application_name: purpose.applicationName,
    ...settings,
  });
  try {
    return await connectClient(client, () => connectDedicated(settings, purpose));
  } catch (error) {
    if (error instanceof Error && 'code' in error) throw error;
    const message = `no connection to the database could be opened${connectHint(settings)}`;
    throw storeError('unavailable', purpose.operation, message, {}, error);
  }
}

/** Takes a client out of the application's pool, and throws it away after: its settings are changed. */
export async function connectFromPool(pool: pg.Pool): Promise<DedicatedConnection> {
  const client = await pool.connect();
  // Made as the pool makes its clients, but beside it: a pool of one would wait for the client that we hold.
  const { Client } = pool as unknown as { Client: typeof pg.Client };
  const openAnother = () => connectClient(new Client(pool.options), openAnother);
  return ofPgClient(client, openAnother, async () => client.release(true));
}

async function connectClient(
  client: pg.Client,
  openAnother: () => Promise<DedicatedConnection>,
): Promise<DedicatedConnection> {
  await client.connect();
  // A server that does not answer the goodbye either must not hold the caller up.
  const close = () => Promise.race([client.end(), sleep(CLOSE_TIMEOUT_MS, undefined, { ref: false })]);
  return ofPgClient(client, openAnother, close);
}

function ofPgClient(
  client: pg.ClientBase,
  openAnother: () => Promise<DedicatedConnection>,
  close: () => Promise<unknown>,
): DedicatedConnection {
  // The query that runs rejects as well; without a listener the process would end.
  client.on('error', () => undefined);
  let closing: Promise<unknown> | null = null;
  const query = async <Row>(text: string, values: readonly unknown[] = []) => {
    const config = { text, values: [...values], query_timeout: NO_QUERY_TIMEOUT_MS };
    return (await client.query(config)).rows as Row[];
  };
  return {
    isEmbedded: false,
    processId: (client as unknown as { processID: number | null }).processID,
    query,
    async transaction(work) {
      await query('begin');
      try {
        const result = await work({ query });
        await query('commit');
        return result;
      } catch (error) {
        // The first error is the one to report; a rollback that fails too is a connection that is gone.
        await query('rollback').catch(() => undefined);
        throw error;
      }
    },
    openAnother,
    async close() {
      closing ??= close(); // a pool's client may be given back once only
      await closing;
    },
  };
}

const lastTurns = new WeakMap<PGlite, Promise<void>>();

/** Waits until the one before it has closed: sharing one session, two would end up in each other's transactions. */
export async function connectEmbedded(database: PGlite): Promise<DedicatedConnection> {
  const turnBefore = lastTurns.get(database);
  let endTurn = () => {};
  const turn = new Promise<void>((resolve) => {
    endTurn = resolve;
  });
  lastTurns.set(database, turn);
  await turnBefore;
  return {
    ...scopeOf(database),
    isEmbedded: true,
    processId: null,
    transaction: (work) => database.transaction((transaction) => work(scopeOf(transaction))),
    openAnother: () => Promise.reject(new Error('the embedded database has one connection')),
    close: async () => endTurn(),
  };
}

function scopeOf(session: Pick<PGlite, 'query'>): DedicatedScope {
  return {
    query: async <Row>(text: string, values?: readonly unknown[]) =>
      (await session.query<Row>(text, values as unknown[] | undefined)).rows,
  };
}
