import type { MigrationEvent } from '../migrations/index.js';
import type { Progress } from './progress.js';

/** One line an event; an index build and a wait rewrite theirs. */
export function showMigration(progress: Progress, event: MigrationEvent): void {
  switch (event.type) {
    case 'lock-waiting':
      showLockWait(progress, event);
      break;
    case 'adopted':
      progress.line(`taken over from drizzle's journal: ${event.migrationIds.join(', ')}`);
      break;
    case 'started':
      progress.line(`${event.migrationId} (${event.number} of ${event.total})`);
      break;
    case 'index-build':
      progress.bar(`  ${event.index}: ${event.phase}`, event.percent);
      break;
    case 'index-repaired':
      progress.line(`  ${event.index}: dropped an invalid one first`);
      break;
    case 'retrying':
      progress.line(`  a lock was not granted (${event.sqlState}), attempt ${event.attempt}`);
      break;
    case 'skipped':
      progress.line(`${event.migrationId} skipped`);
      break;
    case 'done':
      progress.line(`  done in ${event.durationMs} ms`);
      break;
  }
}

type LockWait = Extract<MigrationEvent, { type: 'lock-waiting' }>;

export function showLockWait(progress: Progress, { holder, waitedMs }: LockWait): void {
  const heldBy = holder === null ? '' : ` (held by pid ${holder.pid})`;
  const waited = `${Math.round(waitedMs / 1_000)} s`;
  progress.rewrite(`waiting for another runner, ${waited}${heldBy}`, `waiting${heldBy}`);
}
