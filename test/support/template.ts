import pg from 'pg';

/** Brings the empty database at `url` to the state every test database starts from. */
export async function migrateTemplate(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query('create extension if not exists vector');
  } finally {
    await client.end();
  }
}
