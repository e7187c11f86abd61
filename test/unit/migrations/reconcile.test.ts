import { describe, expect, test } from 'vitest';
import type { LedgerEntry } from '../../../src/migrations/ledger.js';
import { parseMigration } from '../../../src/migrations/migration.js';
import { reconcile } from '../../../src/migrations/reconcile.js';

const shipped = ['0000_a', '0001_b', '0002_c'].map((id) => parseMigration(id, `select '${id}';`));
const checksums = new Map(shipped.map(({ id, checksum }) => [id, checksum]));

function entry(id: string, fields: Partial<LedgerEntry> = {}): LedgerEntry {
  return {
    id,
    checksum: checksums.get(id) ?? 'of another release',
    state: 'done',
    isBreaking: false,
    ...fields,
  };
}

function pendingIds(ledger: readonly LedgerEntry[], onNewer: 'refuse' | 'allow-compatible' = 'refuse') {
  const result = reconcile(shipped, ledger, onNewer);
  return 'error' in result ? result.error.kind : result.pending.map(({ id }) => id);
}

describe('reconcile', () => {
  test('gives all of them for an empty ledger', () => {
    expect(pendingIds([])).toEqual(['0000_a', '0001_b', '0002_c']);
  });

  test('gives what is not done, also what was begun or skipped before something that is done', () => {
    expect(pendingIds([entry('0000_a'), entry('0001_b', { state: 'skipped' }), entry('0002_c')])).toEqual([
      '0001_b',
    ]);
    expect(pendingIds([entry('0000_a'), entry('0001_b', { state: 'started' })])).toEqual([
      '0001_b',
      '0002_c',
    ]);
  });

  test('refuses an edited one, whatever its state', () => {
    for (const state of ['done', 'started', 'skipped'] as const) {
      expect(pendingIds([entry('0000_a', { checksum: 'edited', state })])).toBe('migration-edited');
    }
  });

  test('tells an unknown one in the middle from one of a newer release', () => {
    expect(pendingIds([entry('0000_a'), entry('0000_z')])).toBe('migration-missing');
    expect(pendingIds([entry('0000_a'), entry('0003_d')])).toBe('migration-unknown-newer');
  });

  test('allows a newer release when asked, unless it broke with this one', () => {
    const all = shipped.map(({ id }) => entry(id));
    expect(pendingIds([...all, entry('0003_d')], 'allow-compatible')).toEqual([]);
    expect(pendingIds([...all, entry('0003_d', { isBreaking: true })], 'allow-compatible')).toBe(
      'migration-unknown-newer',
    );
  });

  test('does not allow a missing one, whatever is asked', () => {
    expect(pendingIds([entry('0000_z')], 'allow-compatible')).toBe('migration-missing');
  });

  test('refuses one that would come before one that is done', () => {
    expect(pendingIds([entry('0000_a'), entry('0002_c')])).toBe('migration-out-of-order');
  });
});
