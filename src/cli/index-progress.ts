import type { VectorIndexEvent } from '../index.js';
import { showBuild } from './build-progress.js';
import type { Progress } from './progress.js';
import { megabytes } from './table.js';

export function showIndexWork(progress: Progress, event: VectorIndexEvent): void {
  switch (event.type) {
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
    case 'swapped':
      progress.line('  in use');
      break;
    case 'dropped':
      progress.line(`dropped ${event.index}`);
      break;
    default:
      showBuild(progress, event);
  }
}
