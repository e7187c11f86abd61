import type { VectorIndexEvent } from '../index.js';
import type { MigrationEvent } from '../migrations/index.js';
import type { Progress } from './progress.js';

/** What migrations and work on indexes tell alike; nothing of the rest. A build and a wait rewrite their line. */
export function showBuild(progress: Progress, event: MigrationEvent | VectorIndexEvent): void {
  switch (event.type) {
    case 'lock-waiting': {
      const heldBy = event.holder === null ? '' : ` (held by pid ${event.holder.pid})`;
      const waited = `${Math.round(event.waitedMs / 1_000)} s`;
      progress.rewrite(`waiting for another runner, ${waited}${heldBy}`, `waiting${heldBy}`);
      break;
    }
    case 'index-build':
      progress.bar(`  ${event.index}: ${event.phase}`, event.percent);
      break;
    case 'index-repaired':
      progress.line(`  ${event.index}: dropped an invalid one first`);
      break;
    case 'retrying':
      progress.line(`  a lock was not granted (${event.sqlState}), attempt ${event.attempt}`);
      break;
    case 'done':
      progress.line(`  done in ${event.durationMs} ms`);
      break;
  }
}
