// A process of its own that opens a store with all that runs in the background, closes it, and has nothing else to
// do: bundled by worker-process.ts, told what to do by its arguments.

import { createBackups } from '../../src/backup/create-backups.js';
import { directoryDestination } from '../../src/backup/directory-destination.js';
import { createMacroStore } from '../../src/create-macro-store.js';
import { startOpenTelemetry } from './open-telemetry.js';

export interface CloseWorkerInput {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly folder: string;
  /** Whether every room is used before; nothing connects otherwise. */
  readonly isUsed: boolean;
}

export interface CloseWorkerOutput {
  /** What still holds the process, as Node names it, but for its parent. */
  readonly held: readonly string[];
  readonly hasAlerted: boolean;
  readonly hasSession: boolean;
}

const { databaseUrl, redisUrl, folder, isUsed } = JSON.parse(process.argv[2] ?? '') as CloseWorkerInput;
const telemetry = startOpenTelemetry();
let hasAlerted = false;
let hasSession = false;
const backups = createBackups({ database: { url: databaseUrl }, destination: directoryDestination(folder) });
const schedule = backups.schedule({ cron: '0 3 * * *', onResult: () => undefined })._unsafeUnwrap();
const store = createMacroStore({
  database: { url: databaseUrl, max: 4 },
  redis: { url: redisUrl },
  sessions: { durable: true },
  telemetry: { meter: telemetry.meter, tracer: telemetry.tracer, slowOperationMillis: 1 },
  alerts: {
    evaluateEverySeconds: 0.05,
    evaluationsInARow: 1,
    backups: () => backups.status(),
    onAlert: () => {
      hasAlerted = true;
    },
  },
});

if (isUsed) {
  const userId = (await store.users.create({ email: 'ada@example.org' })).map(({ id }) => id).unwrapOr(null);
  await store.cache.getOrSet('key', async () => 'value');
  if (userId !== null) hasSession = (await store.sessions.create({ userId, data: {} })).isOk();
  await store.health();
  await store.metrics.collectMetrics();
  while (!hasAlerted) await new Promise((resolve) => setTimeout(resolve, 20));
}
await schedule.stop();
await store.close();
await telemetry.stop();
const stillHeld = () =>
  process.getActiveResourcesInfo().filter((name) => name !== 'PipeWrap' && name !== 'TTYWrap');
let held = stillHeld();
// What is about to end, such as the reading of a directory for a status, ends within a moment.
for (let turn = 0; held.length > 0 && turn < 50; turn += 1) {
  await new Promise((resolve) => setTimeout(resolve, 20));
  held = stillHeld();
}
await new Promise((resolve) =>
  process.send?.({ held, hasAlerted, hasSession } satisfies CloseWorkerOutput, resolve),
);
process.disconnect?.();
