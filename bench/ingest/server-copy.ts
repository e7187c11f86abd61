import { randomUUID } from 'node:crypto';
import pg from 'pg';

const COLUMNS = 'id, user_id, chat_id, message_id, content, metadata, embedding';

/** The bound: the server reads the rows from a file of its own, in COPY's binary form. */
export interface ServerCopy {
  /** Moves rows of the table, the newest, into a file, and gives what loads them again. */
  take(rows: number): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

export async function openServerCopy(databaseUrl: string): Promise<ServerCopy> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  const files: string[] = [];
  return {
    async take(rows) {
      const file = `/tmp/macro-store-${randomUUID()}.copy`;
      files.push(file);
      await client.query(
        `copy (select ${COLUMNS} from chat_vectors order by id desc limit ${rows}) to '${file}' (format binary)`,
      );
      await client.query(
        `delete from chat_vectors where id in (select id from chat_vectors order by id desc limit ${rows})`,
      );
      return async () => {
        await client.query(`copy chat_vectors (${COLUMNS}) from '${file}' (format binary)`);
      };
    },
    async close() {
      for (const file of files) await client.query(`copy (select) to program 'rm ${file}'`);
      await client.end();
    },
  };
}
