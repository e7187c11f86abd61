import { generateDrizzleJson, generateMigration } from 'drizzle-kit/api';
import { describe, expect, test } from 'vitest';
import { migrate } from '../../../src/migrations/index.js';
import { chatVectorsTable } from '../../../src/schema/chat-vectors.js';
import type { EmbeddingShape } from '../../../src/schema/embedding-shape.js';
import { chatMessages, chats, users } from '../../../src/schema/index.js';
import { differences, dumpCatalog } from '../../support/catalog-dump.js';
import { createTestDatabase, type TestDatabase } from '../../support/test-database.js';

/** The tables as Drizzle itself would make them from src/schema. */
async function createFromSchema(database: TestDatabase, embedding: EmbeddingShape): Promise<void> {
  const schema = { users, chats, chatMessages, chatVectors: chatVectorsTable(embedding) };
  const statements = await generateMigration(generateDrizzleJson({}), generateDrizzleJson(schema));
  await database.query('create extension vector');
  await database.query(statements.join(';\n'));
}

async function dumpMigrated(database: TestDatabase): Promise<Record<string, string>> {
  const all = Object.entries(await dumpCatalog(database));
  return Object.fromEntries(all.filter(([name]) => !name.includes('macro_store_')));
}

describe('the Drizzle schema and the migrated database', () => {
  test.each<EmbeddingShape>([
    { column: 'vector', dimensions: 1536 },
    { column: 'halfvec', dimensions: 512 },
  ])('differ for $column($dimensions) in what Drizzle cannot say, and in nothing else', async (embedding) => {
    await using declared = await createTestDatabase({ template: false });
    await using migrated = await createTestDatabase({ template: false });
    await createFromSchema(declared, embedding);
    (await migrate({ url: migrated.url, embedding }))._unsafeUnwrap();

    const embeddingColumn = `#6 ${embedding.column}(${embedding.dimensions}) not null storage`;
    const scopeIndex =
      'CREATE INDEX idx_chat_vectors_user_id_chat_id ON public.chat_vectors USING btree (user_id, chat_id)';
    expect(differences(await dumpMigrated(declared), await dumpMigrated(migrated))).toEqual({
      'column chat_vectors.embedding': [`${embeddingColumn} e`, `${embeddingColumn} m`],
      'index idx_chat_vectors_user_id_chat_id': [scopeIndex, `${scopeIndex} INCLUDE (id, embedding_code)`],
    });
  });
});

// The comparison above is worth what the dump sees.
describe('the catalog dump', () => {
  test.each([
    ['a column', 'alter table users add column note text', ['column users.note']],
    ['a type', 'alter table users alter column email type varchar(256)', ['column users.email']],
    ['a default', 'alter table users alter column created_at drop default', ['column users.created_at']],
    ['nullability', 'alter table chats alter column title drop not null', ['column chats.title']],
    [
      'a generated expression',
      `alter table chat_vectors drop column embedding_code,
         add column embedding_code bit(1536) generated always as (binary_quantize(embedding + embedding)) stored`,
      // The columns behind it move up.
      [
        'column chat_vectors.embedding_code',
        'column chat_vectors.model',
        'index idx_chat_vectors_user_id_chat_id',
      ],
    ],
    [
      'storage',
      'alter table chat_vectors alter column embedding set storage external',
      ['column chat_vectors.embedding'],
    ],
    [
      'a check',
      `alter table chat_messages drop constraint chat_messages_role_check,
         add constraint chat_messages_role_check check (role in ('user', 'assistant'))`,
      ['constraint chat_messages.chat_messages_role_check'],
    ],
    [
      'what a foreign key does on delete',
      `alter table chats drop constraint chats_user_id_users_id_fk,
         add constraint chats_user_id_users_id_fk foreign key (user_id) references users (id)`,
      ['constraint chats.chats_user_id_users_id_fk'],
    ],
    [
      'a key',
      'alter table chat_messages drop constraint chat_messages_user_id_id_key cascade',
      [
        'constraint chat_messages.chat_messages_user_id_id_key',
        'constraint chat_vectors.chat_vectors_user_id_message_id_fkey',
        'index chat_messages_user_id_id_key',
      ],
    ],
    [
      'the order of an index',
      `drop index idx_chats_user_id_updated_at;
       create index idx_chats_user_id_updated_at on chats (user_id, updated_at desc, id)`,
      ['index idx_chats_user_id_updated_at'],
    ],
    ['an index that is gone', 'drop index email_idx', ['index email_idx']],
  ])('shows a change of %s', async (_what, change, names) => {
    await using database = await createTestDatabase();
    const before = await dumpCatalog(database);
    await database.query(change);
    expect(Object.keys(differences(before, await dumpCatalog(database)))).toEqual(names);
  });
});
