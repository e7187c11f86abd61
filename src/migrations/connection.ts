import type { PGlite } from '@electric-sql/pglite';
import pg from 'pg';

/** The one connection a run works on. Its queries reject with the driver's own errors. */
export interface MigrationConnection {
  /** Embedded: nobody else is there, so there is no lock to take and no pooler to refuse. */
  readonly isEmbedded: boolean;
  /** The id the server announced at start; a pooler announces one of its own. */
  readonly processId: number | null;
  query<Row>(text: string, values?: readonly unknown[]): Promise<readonly Row[]>;
  /** Another connection to the same place, to look at this one from outside. */
  openAnother(): Promise<MigrationConnection>;
  close(): Promise<void>;
}

/** Opens a connection of its own from connection settings. */
export async function connectDedicated(settings: pg.ClientConfig): Promise<MigrationConnection> {
  // No start-up parameters: poolers refuse those they do not know, and we want to name the pooler ourselves.
  const client = new pg.Client({ keepAlive: true, application_name: '@macro-ai/store migrate', ...settings });
  await client.connect();
  return ofPgClient(client, () => connectDedicated(settings), () => client.end());
}

/** Takes a client out of the application's pool for the run, and throws it away after: its settings are changed. */
export async function connectFromPool(pool: pg.Pool): Promise<MigrationConnection> {
  const client = await pool.connect();
  return ofPgClient(client, () => connectFromPool(pool), async () => client.release(true));
}

function ofPgClient(
  client: pg.ClientBase,
  openAnother: () => Promise<MigrationConnection>,
  close: () => Promise<void>,
): MigrationConnection {
  // The query that runs rejects as well; without a listener the process would end.
  client.on('error', () => undefined);
  return {
    isEmbedded: false,
    processId: (client as unknown as { processID: number | null }).processID,
    query: async (text, values) => (await client.query(text, values as unknown[] | undefined)).rows,
    openAnother,
    close,
  };
}

export function connectEmbedded(database: PGlite): MigrationConnection {
  return {
    isEmbedded: true,
    processId: null,
    query: async <Row>(text: string, values?: readonly unknown[]) =>
      (await database.query<Row>(text, values as unknown[] | undefined)).rows,
    openAnother: async () => connectEmbedded(database),
    close: async () => undefined,
  };
}
