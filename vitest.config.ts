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
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
