import type { VectorIndexEvent } from '../index.js';
import { showLockWait } from './migration-progress.js';
import type { Progress } from './progress.js';
import { megabytes } from './table.js';

export function showIndexWork(progress: Progress, event: VectorIndexEvent): void {
  switch (event.type) {
    case 'lock-waiting':
      showLockWait(progress, event);
      break;
    case 'swept':
      progress.line(`dropped ${event.index}, left by work that was cut off`);
      break;
    case 'started':
      progress.line(`${event.index} (${event.number} of ${event.total})`);
      break;
    case 'memory-short':
      progress.line(
        `  needs about ${megabytes(event.neededBytes)} to build, has ${megabytes(event.availableBytes)}: slow; ` +
          'see --maintenance-work-mem',
      );
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
    case 'swapped':
      progress.line('  in use');
      break;
    case 'dropped':
      progress.line(`dropped ${event.index}`);
      break;
    case 'done':
      progress.line(`  done in ${event.durationMs} ms`);
      break;
  }
}
