import type { BackupEvent } from './backups.js';

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
