import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ok } from 'neverthrow';
import { describe, expect, it } from 'vitest';
import { createMacroStore } from '../../../src/index.js';
import { transactionContract } from '../../contract/transactions.js';

transactionContract('PGlite', async () => createMacroStore());

describe('the embedded database', () => {
  it('refuses at once a call from inside a transaction to anything but its scope', async () => {
    await using store = createMacroStore({ embedding: { dimensions: 4 } });
    const user = (await store.users.create({ email: 'a@example.org' }))._unsafeUnwrap();
    const result = await store.transaction(async (tx) => {
      const outside = await store.users.findById(user.id);
      expect(outside._unsafeUnwrapErr()).toMatchObject({
        kind: 'reentrant-call',
        operation: 'users.findById',
      });
      const nested = await store.transaction(async () => ok(1));
      expect(nested._unsafeUnwrapErr()).toMatchObject({ kind: 'reentrant-call' });
      return tx.users.getById(user.id);
    });
    expect(result._unsafeUnwrap().id).toBe(user.id);
    expect((await store.users.findById(user.id)).isOk()).toBe(true);
  });

  it('keeps its data in a directory, and says what it was migrated for', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'macro-store-'));
    const config = { database: { embedded: { dataDir } }, embedding: { dimensions: 4 } } as const;
    {
      await using store = createMacroStore(config);
      expect((await store.users.create({ email: 'kept@example.org' })).isOk()).toBe(true);
    }
    {
      await using store = createMacroStore(config);
      expect((await store.users.findByEmail('kept@example.org'))._unsafeUnwrap()?.email).toBe(
        'kept@example.org',
      );
    }
    await using other = createMacroStore({ ...config, embedding: { dimensions: 5 } });
    const mismatch = await other.migrate();
    expect(mismatch._unsafeUnwrapErr()).toMatchObject({ kind: 'dimension-mismatch', expected: 4, actual: 5 });
    const use = await other.users.findByEmail('kept@example.org');
    expect(use._unsafeUnwrapErr()).toMatchObject({ kind: 'not-migrated' });
    await other.close();
    await rm(dataDir, { recursive: true });
  });

  it('migrates with the first use, once, also when many calls come first', async () => {
    await using store = createMacroStore({ embedding: { dimensions: 4 } });
    const results = await Promise.all(
      Array.from({ length: 10 }, (_, i) => store.users.create({ email: `u${i}@x.org` })),
    );
    expect(results.every((result) => result.isOk())).toBe(true);
    const status = (await store.migrationStatus())._unsafeUnwrap();
    expect(status).toMatchObject({ pending: [], skipped: ['0005_hnsw_index'], embedding: { dimensions: 4 } });
  });
});
