import { setTimeout as sleep } from 'node:timers/promises';
import { Cron } from 'croner';
import { err, ok, type Result } from 'neverthrow';
import { invalidInput, type StoreError } from '../errors.js';
import type { BackupSchedule, ScheduledResult, ScheduleOptions } from './backups.js';

const OPERATION = 'backup.schedule';
const MAX_JITTER_SECONDS = 86_400;

type RunDue = (dueAt: Date, signal: AbortSignal) => Promise<ScheduledResult>;

/** Calls `runDue` by the cron expression, one at a time: a turn that comes while another runs is left out. */
export function startSchedule(
  { cron, timezone, jitterSeconds = 0, onResult }: ScheduleOptions,
  runDue: RunDue,
): Result<BackupSchedule, StoreError<'invalid-input'>> {
  const issue = (path: string, message: string) => err(invalidInput(OPERATION, [{ path, message }]));
  if (!(jitterSeconds >= 0 && jitterSeconds <= MAX_JITTER_SECONDS)) {
    return issue('jitterSeconds', `must be between 0 and ${MAX_JITTER_SECONDS}`);
  }
  const stopping = new AbortController();
  let turn: Promise<void> = Promise.resolve();

  const takeTurn = async (dueAt: Date) => {
    try {
      await sleep(Math.random() * jitterSeconds * 1_000, undefined, { signal: stopping.signal });
    } catch {
      return; // stopped before it began
    }
    const result = await runDue(dueAt, stopping.signal);
    try {
      onResult(result);
    } catch {
      // A listener that fails must not end the schedule.
    }
  };

  let job: Cron;
  try {
    job = new Cron(cron, { protect: true, ...(timezone === undefined ? {} : { timezone }) }, (self: Cron) => {
      turn = takeTurn(dueTime(self));
      return turn;
    });
    job.nextRun(); // an unknown time zone is told here
  } catch {
    return issue('cron', 'must be a cron expression of five or six fields, in a time zone that is known');
  }
  return ok({
    get nextRunAt() {
      return job.nextRun();
    },
    async stop() {
      job.stop();
      stopping.abort();
      await turn;
    },
  });
}

/** The time that the expression names, the same in every process; the timers of each fire some ms later. */
function dueTime(job: Cron): Date {
  const now = Date.now();
  // What it gives is before the reference.
  const [due] = job.previousRuns(1, new Date(now + 1));
  return due ?? new Date(now);
}
