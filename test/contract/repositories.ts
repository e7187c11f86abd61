import { type SQL, sql } from 'drizzle-orm';
import type { ResultAsync } from 'neverthrow';
import { afterAll, beforeAll, describe } from 'vitest';
import type { MacroStore } from '../../src/create-macro-store.js';
import type { Page } from '../../src/repositories/cursor.js';
import { must } from '../support/builders.js';
import { chatsContract } from './repositories-chats.js';
import { hostileInputContract } from './repositories-hostile-input.js';
import { messagesContract } from './repositories-messages.js';
import { usersContract } from './repositories-users.js';
import { vectorsContract } from './repositories-vectors.js';
import { vectorImportContract } from './vector-import.js';
import { vectorSearchContract } from './vector-search.js';

/** A migrated store for {@link TINY} embeddings, and what ends it. */
export interface ContractStore extends AsyncDisposable {
  readonly store: MacroStore;
}

/** What the repositories promise on any database. One store serves all tests: each works with users of its own. */
export function repositoryContract(name: string, makeStore: () => Promise<ContractStore>): void {
  describe(name, () => {
    let made: ContractStore;
    beforeAll(async () => {
      made = await makeStore();
    });
    afterAll(() => made[Symbol.asyncDispose]());

    const store = () => made.store;
    usersContract(store);
    chatsContract(store);
    messagesContract(store);
    vectorsContract(store);
    vectorImportContract(store);
    vectorSearchContract(store);
    hostileInputContract(store);
  });
}

/** One statement past the repositories. */
export async function query<Row>(store: MacroStore, statement: SQL): Promise<readonly Row[]> {
  return (await store.db.execute(statement)) as unknown as readonly Row[];
}

/** Every row of the store's tables, with the version of each: any change of any row shows. */
export async function everything(store: MacroStore): Promise<readonly string[]> {
  const rows = await query<{ row: string }>(
    store,
    sql`select concat_ws(' ', 'user', id, ctid, xmin, md5(t::text)) as row from users t
      union all select concat_ws(' ', 'chat', id, ctid, xmin, md5(t::text)) from chats t
      union all select concat_ws(' ', 'message', id, ctid, xmin, md5(t::text)) from chat_messages t
      union all select concat_ws(' ', 'vector', id, ctid, xmin, md5(t::text)) from chat_vectors t
      order by 1`,
  );
  return rows.map(({ row }) => row);
}

type ListCall<T> = (cursor?: string) => ResultAsync<Page<T>, unknown>;

/** All items of a list, page after page. `between` runs after each page but the last. */
export async function allPages<T>(list: ListCall<T>, between?: () => Promise<unknown>): Promise<T[]> {
  const items: T[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = await must(list(cursor));
    items.push(...page.items);
    if (page.nextCursor === null) return items;
    cursor = page.nextCursor;
    await between?.();
  }
}

export const ids = (rows: readonly { readonly id: string }[]): string[] => rows.map(({ id }) => id);
