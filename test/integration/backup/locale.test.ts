import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { BackupManifest } from '../../../src/backup/manifest.js';
import { type BackupGround, createBackupGround, rewrite } from '../../support/backup-kit.js';
import { failure, must } from '../../support/builders.js';
import { dropDatabase, queryOnce, withDatabase } from '../../support/database-admin.js';

let ground: BackupGround;
beforeAll(async () => {
  ground = await createBackupGround({ vectors: 20 });
});
afterAll(() => ground[Symbol.asyncDispose]());

/** A database that nobody would get by default on this server, with rows that it alone takes. */
async function createForeign(ending: string, options: string, sql: string) {
  const name = `${ground.database.name}_${ending}`;
  const server = inject('postgresUrl');
  await queryOnce(server, `create database ${pg.escapeIdentifier(name)} template template0 ${options}`);
  const url = withDatabase(server, name);
  await queryOnce(url, sql);
  return { url, [Symbol.asyncDispose]: () => dropDatabase(server, name) };
}

const FOREIGN = {
  'bytes that are no UTF-8': [
    "encoding 'SQL_ASCII' locale_provider libc lc_collate 'C' lc_ctype 'C'",
    "create table notes as select convert_from('\\xff', 'SQL_ASCII') as text",
    { encoding: 'SQL_ASCII', provider: 'libc', collate: 'C', ctype: 'C', locale: null, rules: null },
  ],
  'text that only ICU has in that order': [
    "encoding 'UTF8' locale_provider icu icu_locale 'und' lc_collate 'C' lc_ctype 'C'",
    `create table notes (low text, high text, check (low < high)); insert into notes values ('a', 'B')`,
    { encoding: 'UTF8', provider: 'icu', collate: 'C', ctype: 'C', locale: 'und', rules: null },
  ],
} as const;

describe.each(Object.entries(FOREIGN))('a backup of a database with %s', (_what, [options, sql, locale]) => {
  test('is verified, and restored into a database of the same encoding and locale', async () => {
    await using foreign = await createForeign('foreign', options, sql);
    const backups = ground.backups({ database: { url: foreign.url }, name: 'foreign' });
    const manifest = await must(backups.run());
    expect(manifest.locale).toEqual(locale);
    await must(backups.verify(manifest.id));
    const name = `${ground.database.name}_restored`;
    const url = withDatabase(ground.database.url, name);
    try {
      await must(backups.restore(manifest.id, { url }));
      const again = await must(ground.backups({ database: { url }, name: 'again' }).run());
      expect(again.locale).toEqual(locale);
    } finally {
      await dropDatabase(ground.database.url, name);
    }
  });
});

describe('a backup of a locale that the server has not', () => {
  test.each<[string, Partial<BackupManifest['locale']>]>([
    ['of libc', { collate: 'xx_YY.utf8' }],
    ['of a newer server', { provider: 'builtin', locale: 'no such locale' }],
    ['with another encoding', { encoding: 'none' }],
  ])('%s is refused by that name, and is not said to be damaged', async (_which, change) => {
    const backups = ground.backups();
    const { id } = await must(backups.run());
    await rewrite(join(ground.folder, `${id}.manifest.json`), (content) => {
      const manifest = JSON.parse(content.toString()) as BackupManifest;
      return Buffer.from(JSON.stringify({ ...manifest, locale: { ...manifest.locale, ...change } }));
    });
    const refused = { kind: 'backup-refused', reason: 'locale-missing' };
    const url = withDatabase(ground.database.url, `${ground.database.name}_never_made`);
    expect(await failure(backups.verify(id))).toMatchObject(refused);
    expect(await failure(backups.restore(id, { url }))).toMatchObject(refused);
    expect(await ground.scratchDatabases()).toEqual([]);
  });
});
