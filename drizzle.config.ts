import { defineConfig } from 'drizzle-kit';

// `npm run migrations:generate` writes the difference between src/schema and the last snapshot to migrations/.
export default defineConfig({
  dialect: 'postgresql',
  schema: './src/schema/index.ts',
  out: './migrations',
});
