import { describe, expect, test } from 'vitest';
import type { DedicatedConnection } from '../../../src/database/dedicated-connection.js';
import { MIGRATIONS } from '../../../src/migrations/bundled.js';
import { runMigrations } from '../../../src/migrations/runner.js';

/** A server that differs from a real one in what it says of pgvector; everything else is empty. */
function serverWith({ isAvailable, version }: { isAvailable: boolean; version: string | null }) {
  const sent: string[] = [];
  const answer = (text: string): unknown[] => {
    if (text.includes('pg_available_extensions')) return isAvailable ? [{}] : [];
    if (text.includes('from pg_extension')) return version === null ? [] : [{ version }];
    if (text.includes('current_schema() is not null')) return [{ exists: true }];
    return [];
  };
  const query: DedicatedConnection['query'] = async <Row>(text: string) => {
    sent.push(text);
    return answer(text) as Row[];
  };
  const connection: DedicatedConnection = {
    isEmbedded: true,
    processId: null,
    query,
    transaction: (work) => work({ query }),
    openAnother: async () => connection,
    close: async () => undefined,
  };
  return { connection, sent };
}

const migrate = (connection: DedicatedConnection) =>
  runMigrations(async () => connection, MIGRATIONS, { dimensions: 1536, column: 'vector' });

describe('migrate on a server', () => {
  test('without pgvector says not-installed, and does not try to create it', async () => {
    const { connection, sent } = serverWith({ isAvailable: false, version: null });
    const error = (await migrate(connection))._unsafeUnwrapErr();
    expect(error).toMatchObject({ kind: 'extension-missing', reason: 'not-installed', retryable: false });
    expect(sent.filter((text) => /^create (extension|table "|index)/i.test(text))).toEqual([]);
  });

  test.each(['0.5.1', '0.7.4'])(
    'with pgvector %s says too-old, and creates nothing of ours',
    async (version) => {
      const { connection, sent } = serverWith({ isAvailable: true, version });
      const error = (await migrate(connection))._unsafeUnwrapErr();
      expect(error).toMatchObject({ kind: 'extension-missing', reason: 'too-old' });
      expect(sent.filter((text) => /^create (table "|index)/i.test(text))).toEqual([]);
    },
  );

  test.each(['0.8.0', '0.8.10', '0.10.0', '1.0.0'])(
    'with pgvector %s finds the version new enough',
    async (version) => {
      const { connection } = serverWith({ isAvailable: true, version });
      const error = (await migrate(connection))._unsafeUnwrapErr();
      // This server knows no type `vector`, so the next check stops the run.
      expect(error).toMatchObject({ kind: 'extension-missing', reason: 'not-on-search-path' });
    },
  );
});
