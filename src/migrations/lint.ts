/** The strongest lock that a statement takes on an existing table, and what others cannot do meanwhile. */
export interface StatementLock {
  readonly level: 'none' | 'SHARE UPDATE EXCLUSIVE' | 'SHARE' | 'SHARE ROW EXCLUSIVE' | 'ACCESS EXCLUSIVE';
  readonly blocks: 'nothing' | 'writes' | 'reads and writes';
}

const NO_LOCK: StatementLock = { level: 'none', blocks: 'nothing' };

// https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-TABLES ; the first that fits counts.
const RULES: readonly (readonly [RegExp, StatementLock])[] = [
  [
    /^create (unique )?index concurrently|^drop index concurrently/i,
    { level: 'SHARE UPDATE EXCLUSIVE', blocks: 'nothing' },
  ],
  [/^create (unique )?index/i, { level: 'SHARE', blocks: 'writes' }],
  [/^alter table .* validate constraint/i, { level: 'SHARE UPDATE EXCLUSIVE', blocks: 'nothing' }],
  [/^alter table .* add constraint .* foreign key/i, { level: 'SHARE ROW EXCLUSIVE', blocks: 'writes' }],
  [
    /^(alter|drop) table|^truncate|^drop index|^reindex|^vacuum full|^cluster/i,
    { level: 'ACCESS EXCLUSIVE', blocks: 'reads and writes' },
  ],
];

/** Tells by a statement's first words which lock it takes on tables that exist already. */
export function lockOf(statement: string): StatementLock {
  const oneLine = statement.replace(/\s+/g, ' ').trim();
  return RULES.find(([pattern]) => pattern.test(oneLine))?.[1] ?? NO_LOCK;
}
