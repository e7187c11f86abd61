import type { BackupEvent } from '../backup/index.js';
import type { Progress } from './progress.js';
import { megabytes } from './table.js';

/** Bytes between two lines where there is no terminal. */
const STORED_STEP = 100 * 1024 * 1024;

export function showBackup(progress: Progress, event: BackupEvent): void {
  switch (event.type) {
    case 'storing':
      // How large a dump becomes nobody knows before its end.
      progress.rewrite(`stored ${megabytes(event.bytes)}`, `stored ${Math.floor(event.bytes / STORED_STEP)}`);
      break;
    case 'published':
      progress.line(`published ${event.id}, ${megabytes(event.bytes)}`);
      break;
    case 'checking':
    case 'restoring':
      progress.bar(event.type, event.totalBytes === 0 ? null : (100 * event.bytes) / event.totalBytes);
      break;
    case 'comparing':
      progress.line('comparing counts, constraints and indexes');
      break;
  }
}
