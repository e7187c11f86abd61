import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    environment: 'node',
    include: ['test/{unit,integration,contract,chaos,package}/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    pool: 'forks',
    maxWorkers: 2,
    // The file is what .ci/run counts from.
    reporters: ['default', ['json', { outputFile: 'temp/test-results.json' }]],
    // Long enough for PGlite on a busy machine: what hangs is ended by deadlines of its own.
    testTimeout: 90_000,
    hookTimeout: 120_000,
  },
});
