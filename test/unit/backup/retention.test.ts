import { describe, expect, test } from 'vitest';
import type { BackupManifest } from '../../../src/backup/manifest.js';
import { DEFAULT_RETENTION, keptIds } from '../../../src/backup/retention.js';

const HOUR_MS = 3_600_000;
const NONE = { keepDaily: 0, keepWeekly: 0, keepMonthly: 0, minKeep: 1 };

/** One every `everyHours`, newest first, named by how many hours old it is. */
function backups(count: number, everyHours: number, newest = '2026-03-31T12:00:00.000Z'): BackupManifest[] {
  return Array.from({ length: count }, (_, index) => ({
    format: 1,
    id: `${index * everyHours}h`,
    name: 'chat',
    createdAt: new Date(Date.parse(newest) - index * everyHours * HOUR_MS).toISOString(),
    file: 'chat.dump',
    bytes: 1,
    sha256: '',
    encrypted: false,
    versions: { server: '15.1', pgDump: '15.1', library: '0.1.0' },
    locale: {
      encoding: 'UTF8',
      provider: 'libc',
      collate: 'C',
      ctype: 'C',
      locale: null,
      rules: null,
    },
    migrations: [],
    embedding: null,
    tables: [],
    indexes: 0,
    constraints: 0,
    unvalidatedConstraints: 0,
    hmac: null,
  }));
}

const kept = (...args: Parameters<typeof keptIds>) => [...keptIds(...args)];

describe('keptIds', () => {
  test('keeps the newest of each of the last seven days by default', () => {
    expect(kept(backups(20, 24), DEFAULT_RETENTION)).toEqual([
      '0h',
      '24h',
      '48h',
      '72h',
      '96h',
      '120h',
      '144h',
    ]);
    expect(kept(backups(40, 6), DEFAULT_RETENTION)).toEqual(
      // At 12 o'clock; the newest of the days before are of 18 o'clock.
      ['0h', '6h', '12h', '18h', '42h', '66h', '90h', '114h', '138h'],
    );
  });

  test('counts days that have a backup, not days that passed', () => {
    expect(kept(backups(3, 24 * 30), { ...NONE, keepDaily: 3 })).toEqual(['0h', '720h', '1440h']);
  });

  test('keeps the newest of each week, from Monday, and of each month', () => {
    // 31 March 2026 is a Tuesday: Sundays before are 48 h and 216 h away.
    expect(kept(backups(20, 24), { ...NONE, keepWeekly: 3 })).toEqual(['0h', '48h', '216h']);
    expect(kept(backups(70, 24), { ...NONE, keepMonthly: 3 })).toEqual(['0h', `${31 * 24}h`, `${59 * 24}h`]);
  });

  test('never goes below minKeep, nor below one', () => {
    expect(kept(backups(9, 1), { ...NONE, minKeep: 4 })).toHaveLength(4);
    expect(kept(backups(9, 1), { ...NONE, minKeep: 0 })).toEqual(['0h']);
    expect(kept([], NONE)).toEqual([]);
  });
});
