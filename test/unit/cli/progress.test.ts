import { describe, expect, test } from 'vitest';
import { showMigration } from '../../../src/cli/migration-progress.js';
import { createProgress } from '../../../src/cli/progress.js';
import type { MigrationEvent } from '../../../src/migrations/index.js';

const building = (percent: number | null): MigrationEvent => ({
  type: 'index-build',
  migrationId: '0005_hnsw_index',
  index: 'hnsw',
  phase: 'loading',
  percent,
});

function print(events: readonly MigrationEvent[], isTTY: boolean): string {
  let written = '';
  const progress = createProgress({ isTTY, write: (text) => (written += text) });
  for (const event of events) showMigration(progress, event);
  progress.end();
  return written;
}

describe('createProgress', () => {
  test('rewrites the line of an index build with a bar on a terminal, and leaves it at the end', () => {
    const written = print([building(null), building(12.7), building(13.2)], true);
    expect(written.replaceAll('\r\u001b[K', '<')).toBe(
      '<  hnsw: loading<  hnsw: loading [###.....................] 12 %<  hnsw: loading [###.....................] 13 %\n',
    );
  });

  test('gives a line for every ten percent elsewhere', () => {
    const written = print([building(1), building(5), building(12), building(19), building(20)], false);
    expect(written).toBe('  hnsw: loading 1 %\n  hnsw: loading 12 %\n  hnsw: loading 20 %\n');
  });

  test('names who holds the lock, once where lines are not rewritten', () => {
    const waiting = (waitedMs: number): MigrationEvent => ({
      type: 'lock-waiting',
      waitedMs,
      holder: { pid: 42, applicationName: null, ageMs: null },
    });
    expect(print([waiting(0), waiting(1_010)], false)).toBe(
      'waiting for another runner, 0 s (held by pid 42)\n',
    );
  });
});
