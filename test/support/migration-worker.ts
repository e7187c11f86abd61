// A process of its own that migrates once: bundled by worker-process.ts, told what to do by its arguments.

import { connectionSettings } from '../../src/database/connection-settings.js';
import { connectDedicated } from '../../src/database/dedicated-connection.js';
import { MIGRATIONS } from '../../src/migrations/bundled.js';
import { parseMigration } from '../../src/migrations/migration.js';
import { MIGRATING, runMigrations } from '../../src/migrations/runner.js';
import type { EmbeddingShape } from '../../src/schema/embedding-shape.js';

export interface WorkerInput {
  readonly url: string;
  readonly embedding: EmbeddingShape;
  /** Applied after ours: ids and texts. */
  readonly extra?: readonly (readonly [id: string, text: string])[];
  /** Says `ready` and starts on the answer. */
  readonly waitsForGo?: boolean;
  /** Dies by SIGKILL inside its n-th event, counted from 1. */
  readonly dieAtEvent?: number;
}

export interface WorkerOutput {
  readonly applied: readonly string[];
  readonly error: string | null;
}

const input = JSON.parse(process.argv[2] ?? '') as WorkerInput;
const send = (message: unknown) => new Promise((resolve) => process.send?.(message, resolve));

// The test is gone, or the work is done.
process.once('disconnect', () => process.exit());

if (input.waitsForGo) {
  const go = new Promise((resolve) => process.once('message', resolve));
  await send('ready');
  await go;
}

let seen = 0;
const result = await runMigrations(
  () => connectDedicated(connectionSettings(input.url, undefined), MIGRATING),
  [...MIGRATIONS, ...(input.extra ?? []).map(([id, text]) => parseMigration(id, text))],
  input.embedding,
  {
    onProgress: () => {
      seen += 1;
      if (seen === input.dieAtEvent) process.kill(process.pid, 'SIGKILL');
    },
  },
);
const output: WorkerOutput = result.match(
  ({ applied }) => ({ applied, error: null }),
  (error) => ({ applied: [], error: `${error.kind}: ${error.message}` }),
);
await send(output);
process.disconnect?.();
