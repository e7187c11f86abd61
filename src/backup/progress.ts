import { storeError } from '../errors.js';
import type { BackupCallOptions, BackupEvent } from './backups.js';

const REPORT_EVERY_MS = 200;

/** Passes bytes on about five times a second. */
export function byteProgress(
  onProgress: ((event: BackupEvent) => void) | undefined,
  eventOf: (bytes: number) => BackupEvent,
): (bytes: number) => void {
  if (onProgress === undefined) return () => undefined;
  let reported = Number.NEGATIVE_INFINITY;
  return (bytes) => {
    const now = performance.now();
    if (now - reported < REPORT_EVERY_MS) return;
    reported = now;
    onProgress(eventOf(bytes));
  };
}

/** The same options; what the listener throws ends the work as `callback-threw`, and not as a fault of a server. */
export function guardProgress<T extends BackupCallOptions>(operation: string, options: T): T {
  const { onProgress } = options;
  if (onProgress === undefined) return options;
  const guarded = (event: BackupEvent) => {
    try {
      onProgress(event);
    } catch (thrown) {
      throw storeError('callback-threw', operation, 'onProgress threw, so the work was ended', {}, thrown);
    }
  };
  return { ...options, onProgress: guarded };
}
