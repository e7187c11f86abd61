import { randomUUID } from 'node:crypto';
import { inject } from 'vitest';
import { queryOnce } from './database-admin.js';

export interface PlainRole extends AsyncDisposable {
  readonly name: string;
  /** The same place, as this role. */
  urlOf(database: { readonly url: string }): string;
}

/** A role with no rights of its own, to be disposed after the databases that know it. */
export async function createPlainRole(): Promise<PlainRole> {
  const name = `macro_store_test_${randomUUID().slice(0, 8)}`;
  const server = inject('postgresUrl');
  await queryOnce(server, `create role ${name} login password 'secret' nosuperuser`);
  return {
    name,
    urlOf(database) {
      const url = new URL(database.url);
      url.username = name;
      url.password = 'secret';
      return url.href;
    },
    [Symbol.asyncDispose]: async () => void (await queryOnce(server, `drop role ${name}`)),
  };
}
