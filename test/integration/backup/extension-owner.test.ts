import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { type BackupGround, createBackupGround, KEY } from '../../support/backup-kit.js';
import { must } from '../../support/builders.js';
import { dropDatabase, queryOnce, withDatabase } from '../../support/database-admin.js';
import { createPlainRole } from '../../support/plain-role.js';

let ground: BackupGround;
beforeAll(async () => {
  ground = await createBackupGround({ vectors: 20 });
  await ground.database.query("comment on table users is 'who chats'");
});
afterAll(() => ground[Symbol.asyncDispose]());

/** A database of the role's own; with pgvector of the superuser, who is the only one that may create it on many servers. */
async function createOwned(role: string) {
  const server = inject('postgresUrl');
  const name = `${ground.database.name}_${randomUUID().slice(0, 8)}`;
  await queryOnce(server, `create database ${name} template template0 owner ${role}`);
  const url = withDatabase(server, name);
  await queryOnce(url, 'create extension vector');
  return { url, [Symbol.asyncDispose]: () => dropDatabase(server, name) };
}

describe('backup.restore by a plain role', () => {
  test.each([
    ['encrypted', { encryptionKey: KEY }],
    ['plain', {}],
  ])('takes an extension that a superuser created as it is, from an %s backup', async (_how, config) => {
    const backups = ground.backups(config);
    const { id } = await must(backups.run());
    await using role = await createPlainRole();
    await using owned = await createOwned(role.name);
    await must(backups.restore(id, { url: role.urlOf(owned) }));
    const [row] = await queryOnce(
      owned.url,
      `select obj_description('users'::regclass) as "ofTable", tableowner as owner,
         (select extowner::regrole::text from pg_extension where extname = 'vector') as "extensionOwner",
         (select count(*)::int from chat_vectors) as vectors
       from pg_tables where tablename = 'users'`,
    );
    expect(row).toEqual({ ofTable: 'who chats', owner: role.name, extensionOwner: 'postgres', vectors: 20 });
  });
});
