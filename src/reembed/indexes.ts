import { buildConcurrently } from '../database/concurrent-index.js';
import type { DedicatedScope } from '../database/dedicated-connection.js';
import type { EmbeddingShape } from '../schema/embedding-shape.js';
import type { ReembedRun } from './run-settings.js';
import { CURRENT, indexNameOn, NEXT, quoted } from './table-names.js';

/** An index of the table in use, and the statement that makes its like on the next one. */
export interface IndexToCopy {
  readonly name: string;
  readonly nextName: string;
  /** `false`: dear to keep up while the table is filled, such as HNSW, and so built after. */
  readonly isCheap: boolean;
  statement(how: 'at once' | 'concurrently'): string;
}

/** Every valid index, those of the application too, but not those of constraints. */
export async function indexesToCopy(
  scope: DedicatedScope,
  target: EmbeddingShape,
): Promise<readonly IndexToCopy[]> {
  const rows = await scope.query<{ name: string; method: string; definition: string }>(
    `select c.relname as name, am.amname as method, pg_get_indexdef(i.indexrelid) as definition
     from pg_index i join pg_class c on c.oid = i.indexrelid join pg_am am on am.oid = c.relam
     where i.indrelid = $1::regclass and i.indisvalid and i.indisready
       and not exists (select from pg_constraint where conindid = i.indexrelid and conrelid = i.indrelid)
     order by c.relname`,
    [CURRENT],
  );
  return rows.map(({ name, method, definition }) => {
    const [, unique = '', , body = ''] = /^CREATE (UNIQUE )?INDEX (.*?) USING (.*)$/s.exec(definition) ?? [];
    const nextName = indexNameOn(NEXT, name);
    return {
      name,
      nextName,
      isCheap: method === 'btree',
      statement: (how) =>
        `create ${unique}index ${how === 'concurrently' ? 'concurrently ' : ''}${quoted(nextName)} on ${NEXT} using ${forShape(body, target)}`,
    };
  });
}

/** The same for another type and number of dimensions. */
function forShape(body: string, { column, dimensions }: EmbeddingShape): string {
  return body
    .replace(/\b(?:vector|halfvec)_(\w+_ops)\b/g, `${column}_$1`)
    .replace(/\b(?:vector|halfvec)\(\d+\)/g, `${column}(${dimensions})`)
    .replace(/\bbit\(\d+\)/g, `bit(${dimensions})`);
}

/** Builds on the next table what the one in use has and the next one has not yet. */
export async function buildMissingIndexes(run: ReembedRun, target: EmbeddingShape): Promise<void> {
  for (const index of await indexesToCopy(run.connection, target)) {
    run.assertNotAborted();
    const { operation, connection, signal } = run;
    const statement = index.statement('concurrently');
    await buildConcurrently(connection, { operation, index: index.nextName, statement, signal }, (event) => {
      if (event.type === 'index-build') run.report(event);
    });
    if (!index.isCheap) run.report({ type: 'index-built', index: index.nextName });
  }
}
