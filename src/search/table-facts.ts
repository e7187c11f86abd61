import { sql } from 'drizzle-orm';
import { okAsync, type ResultAsync } from 'neverthrow';
import type { CallOptions, Executor } from '../database/executor.js';
import { compileStatement, parameter } from '../database/statement.js';
import type { ReadError } from '../errors.js';
import { hnswIndexName, partialHnswIndexName } from '../schema/vector-index-names.js';

/** What the catalog says of a table of vectors. */
export interface TableFacts {
  /** `null`: never analyzed. */
  readonly rows: number | null;
  hnswFor(userId: string): 'none' | 'all' | 'partial';
}

/** An index that comes or goes is noticed within this; a search that needs one that is gone notices at once. */
const FRESH_MS = 60_000;

interface IndexRow {
  readonly rows: number;
  readonly index: string | null;
  readonly isReady: boolean | null;
}

const selectFacts = compileStatement<{ table: string }, IndexRow>(
  'vectorSearch.tableFacts',
  sql`select t.reltuples::float8 as rows, c.relname as index, i.indisvalid and i.indisready as "isReady"
    from pg_class t left join pg_index i on i.indrelid = t.oid left join pg_class c on c.oid = i.indexrelid
    where t.oid = to_regclass(${parameter('table')}::text)`,
);

/** Reads the catalog when a scope is large enough for it to matter, at most once a minute. */
export class TableFactsReader {
  private readonly known = new Map<string, { facts: TableFacts; readAt: number }>();

  constructor(
    private readonly executor: Executor,
    private readonly clock: () => number,
  ) {}

  read(table: string, options: CallOptions): ResultAsync<TableFacts, ReadError> {
    const known = this.known.get(table);
    if (known !== undefined && this.clock() - known.readAt < FRESH_MS) return okAsync(known.facts);
    return this.executor.read(selectFacts, { table }, options).map((rows) => {
      const facts = toFacts(table, rows);
      this.known.set(table, { facts, readAt: this.clock() });
      return facts;
    });
  }

  forget(table: string): void {
    this.known.delete(table);
  }
}

function toFacts(table: string, rows: readonly IndexRow[]): TableFacts {
  const ready = new Set(rows.filter(({ isReady }) => isReady).map(({ index }) => index));
  const tableRows = rows[0]?.rows ?? -1;
  return {
    rows: tableRows > 0 ? tableRows : null,
    hnswFor(userId) {
      if (ready.has(partialHnswIndexName(table, userId))) return 'partial';
      return ready.has(hnswIndexName(table)) ? 'all' : 'none';
    },
  };
}
