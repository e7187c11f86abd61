// A service that has a pg pool already lends it to the store, which never closes it.
//
//   DATABASE_URL=postgresql://… npx tsx examples/shared-pool.ts
import { createMacroStore } from '@macro-ai/store';
import pg from 'pg';

const connectionString = process.env['DATABASE_URL'];
if (!connectionString) {
  console.error('Set DATABASE_URL to a PostgreSQL database with pgvector that this example may change.');
  process.exit(2);
}

const pool = new pg.Pool({ connectionString, max: 4 });
// A borrowed pool keeps your size, your timeouts and your listeners; pg needs this one.
pool.on('error', (error) => console.error('idle connection lost:', error.message));

const store = createMacroStore({ database: { pool }, autoMigrate: true });
// With an id of its own choosing a service can create the same user again without harm.
const user = await store.users.create({
  id: '0193a5c0-7e1d-7000-8000-000000000001',
  email: 'ada@example.com',
});
if (user.isErr()) throw user.error;
console.log(`user ${user.value.email}, store's pool is the application's: ${store.pool === pool}`);

await store.close();
const { rows } = await pool.query<{ users: number }>('select count(*)::int as users from users');
console.log(`after store.close() the pool still answers: ${rows[0]?.users} user`);
await pool.end();
