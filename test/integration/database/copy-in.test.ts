import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { copyIn } from '../../../src/database/copy-in.js';
import { createTestDatabase, type TestDatabase } from '../../support/test-database.js';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
  await database.query('create table number (value int primary key)');
});
afterAll(() => database.drop());

async function connect(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: database.url });
  client.on('error', () => undefined);
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

const COPY = 'copy number from stdin';
const PIECE = Buffer.from('7\n'.repeat(64 * 1024));

describe('copyIn', () => {
  it('is done once the rows are there', async () => {
    const client = await connect();
    await copyIn(client, COPY, [Buffer.from('1\n2'), Buffer.from('3\n')]);
    expect((await client.query('select value from number order by value')).rows).toEqual([
      { value: 1 },
      { value: 23 },
    ]);
    await client.query('delete from number');
  });

  it("rejects with the server's error, and sends nothing of what is left into the next COPY", async () => {
    const client = await connect();
    const refused = [Buffer.from('no number\n'), ...Array.from({ length: 400 }, () => PIECE)];
    await expect(copyIn(client, COPY, refused)).rejects.toMatchObject({ code: '22P02' });
    await copyIn(client, COPY, [Buffer.from('1\n')]);
    expect((await client.query('select value from number')).rows).toEqual([{ value: 1 }]);
  });

  it('rejects when the connection is lost', async () => {
    const [client, other] = [await connect(), await connect()];
    await other.query('begin');
    await other.query('lock table number');
    const copying = copyIn(client, COPY, [Buffer.from('2\n')]);
    const { processID } = client as unknown as { processID: number };
    const lost = expect(copying).rejects.toBeInstanceOf(Error);
    await other.query('select pg_terminate_backend($1)', [processID]);
    await lost;
  });
});
