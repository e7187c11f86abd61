import { describe, expect, test } from 'vitest';
import { lockOf } from '../../../src/migrations/lint.js';

describe('lockOf', () => {
  test.each([
    ['create table "t" (id int)', 'none', 'nothing'],
    ['insert into t values (1)', 'none', 'nothing'],
    ['CREATE INDEX CONCURRENTLY "i" ON "t" ("c")', 'SHARE UPDATE EXCLUSIVE', 'nothing'],
    ['create unique index concurrently "i" on "t" ("c")', 'SHARE UPDATE EXCLUSIVE', 'nothing'],
    ['drop index concurrently "i"', 'SHARE UPDATE EXCLUSIVE', 'nothing'],
    ['CREATE UNIQUE INDEX "i" ON "t" ("c")', 'SHARE', 'writes'],
    [
      'alter table "t"\n  add constraint "f" foreign key ("a") references "u" ("a")',
      'SHARE ROW EXCLUSIVE',
      'writes',
    ],
    ['alter table "t" validate constraint "f"', 'SHARE UPDATE EXCLUSIVE', 'nothing'],
    ['alter table "t" add column "c" int', 'ACCESS EXCLUSIVE', 'reads and writes'],
    ['drop table "t"', 'ACCESS EXCLUSIVE', 'reads and writes'],
    ['drop index "i"', 'ACCESS EXCLUSIVE', 'reads and writes'],
    ['truncate "t"', 'ACCESS EXCLUSIVE', 'reads and writes'],
  ] as const)('tells of %j: %s, which blocks %s', (statement, level, blocks) => {
    expect(lockOf(statement)).toEqual({ level, blocks });
  });
});
