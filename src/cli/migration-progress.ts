import type { MigrationEvent } from '../migrations/index.js';
import { showBuild } from './build-progress.js';
import type { Progress } from './progress.js';

/** One line an event. */
export function showMigration(progress: Progress, event: MigrationEvent): void {
  switch (event.type) {
    case 'adopted':
      progress.line(`taken over from drizzle's journal: ${event.migrationIds.join(', ')}`);
      break;
    case 'started':
      progress.line(`${event.migrationId} (${event.number} of ${event.total})`);
      break;
    case 'skipped':
      progress.line(`${event.migrationId} skipped`);
      break;
    default:
      showBuild(progress, event);
  }
}
