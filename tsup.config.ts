import { defineConfig } from 'tsup';

const imported = {
  index: 'src/index.ts',
  schema: 'src/schema/index.ts',
  migrations: 'src/migrations/index.ts',
  adapters: 'src/adapters/index.ts',
  backup: 'src/backup/index.ts',
};

export default defineConfig({
  entry: { ...imported, cli: 'src/cli/main.ts' },
  format: ['esm', 'cjs'],
  dts: { entry: imported },
  clean: true,
  splitting: true,
  treeshake: true,
  target: 'node20',
  // Both publish ES modules only; bundled, so that `require('@macro-ai/store')` works on every Node 20.
  noExternal: ['uuid', 'devalue'],
});
