// A process of its own with a schedule of backups: bundled by worker-process.ts, told what to do by its arguments.

import type { ScheduledResult } from '../../src/backup/backups.js';
import { createBackups } from '../../src/backup/create-backups.js';
import { directoryDestination } from '../../src/backup/directory-destination.js';

export interface ScheduleWorkerInput {
  readonly url: string;
  readonly folder: string;
  readonly pgBinDirectory: string | null;
  readonly cron: string;
}

/** What each turn came to. */
export interface ScheduleWorkerOutput {
  readonly turns: readonly string[];
}

const input = JSON.parse(process.argv[2] ?? '') as ScheduleWorkerInput;
const { url, folder, pgBinDirectory, cron } = input;
const turns: string[] = [];
const describeTurn = (result: ScheduledResult) =>
  result.type === 'failed' ? `failed: ${result.step}, ${result.error.kind}` : result.type;

const schedule = createBackups({
  database: { url },
  name: 'chat',
  destination: directoryDestination(folder),
  retention: { minKeep: 100 },
  ...(pgBinDirectory === null ? {} : { pgBinDirectory }),
})
  .schedule({
    cron,
    onResult: (result) => {
      const turn = describeTurn(result);
      if (turn !== 'failed: run, aborted' && turn !== 'failed: verify, aborted') turns.push(turn);
    },
  })
  ._unsafeUnwrap();
process.once('disconnect', () => process.exit());
process.send?.('ready');
// Told to stop.
process.once('message', async () => {
  await schedule.stop();
  await new Promise((resolve) => process.send?.({ turns } satisfies ScheduleWorkerOutput, resolve));
  process.disconnect?.();
});
