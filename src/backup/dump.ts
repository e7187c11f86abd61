import { backupFailed } from './backup-failure.js';
import { howItEnded, type RunningTool } from './postgres-tool.js';

/** Only what a program of that version is sure to know. A dump waits for a lock at most five minutes. */
export const dumpArguments = (snapshotId: string): readonly string[] => [
  '--format=custom',
  '--compress=1',
  '--no-password',
  '--lock-wait-timeout=300000',
  `--snapshot=${snapshotId}`,
];

/**
 * What pg_dump writes. It ends only after pg_dump has ended well, so that nobody takes the beginning of a
 * dump for a dump.
 */
export async function* dumpChunks(operation: string, tool: RunningTool): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of tool.stdout) yield chunk as Uint8Array;
    const end = await tool.ended;
    if (end.code === 0) return;
    throw backupFailed(operation, 'dump', `pg_dump ${howItEnded(end)}`, new Error(end.stderr));
  } finally {
    await tool.stop();
  }
}
