import { sql } from 'drizzle-orm';
import { okAsync, type ResultAsync } from 'neverthrow';
import type { Executor, ReadOptions } from '../database/executor.js';
import { parameter, perVariant } from '../database/statement.js';
import type { ReadError } from '../errors.js';
import type { SlowQueries } from './database-health.js';
import { type StatementCounter, StatementDeltas } from './statement-deltas.js';
import { createStatementText } from './statement-text.js';

/** A statement of this database, by its sums since {@link SlowQueries.since}. */
export interface SlowQuery {
  readonly queryId: string;
  /** Without values; `null` where the server has forgotten it meanwhile. */
  readonly text: string | null;
  readonly calls: number;
  readonly totalMs: number;
  readonly meanMs: number;
  readonly rows: number;
}

const MAX_SHOWN = 20;

interface CounterRow extends StatementCounter {
  /** When the server's counters began, in ms since 1970. */
  readonly resetAtMs: number;
}

// Without texts, which the server would read from its file for each of up to 5,000 statements.
const selectCounters = perVariant<{ schema: string }, object, CounterRow>(
  'metrics.statementCounters',
  ({ schema }) => sql`select queryid::text as "queryId", userid::text as "userId", dbid::text as "databaseId",
      sum(calls)::float8 as calls, sum(total_exec_time)::float8 as "totalMs", sum(rows)::float8 as rows,
      (select extract(epoch from stats_reset)::float8 * 1000
        from ${sql.identifier(schema)}.pg_stat_statements_info) as "resetAtMs"
    from ${sql.identifier(schema)}.pg_stat_statements(false)
    where dbid = (select oid from pg_database where datname = current_database()) and queryid is not null
    group by queryid, userid, dbid`,
);

const selectTexts = perVariant<
  { schema: string },
  { queryIds: string },
  { readonly queryId: string; readonly text: string }
>(
  'metrics.statementTexts',
  ({ schema }) => sql`select queryid::text as "queryId", min(query) as text
    from ${sql.identifier(schema)}.pg_stat_statements(true)
    where queryid = any(string_to_array(${parameter('queryIds')}::text, ',')::bigint[])
      and dbid = (select oid from pg_database where datname = current_database())
    group by queryid`,
);

/** Reads pg_stat_statements, and remembers the counters of the collection before. */
export class SlowQueryReader {
  readonly #deltas = new StatementDeltas();
  readonly #textOf = createStatementText();

  constructor(
    private readonly executor: Executor,
    private readonly thresholdMs: number,
    private readonly clock: () => number,
  ) {}

  read(schema: string, options: ReadOptions): ResultAsync<SlowQueries, ReadError> {
    return this.executor.read(selectCounters({ schema }), {}, options).andThen((rows) => {
      const { resetAtMs } = rows[0] ?? { resetAtMs: this.clock() };
      const { since, wasReset, deltas } = this.#deltas.next(rows, resetAtMs, this.clock());
      const slow = deltas
        .filter(({ calls, totalMs }) => calls > 0 && totalMs / calls > this.thresholdMs)
        .sort((one, other) => other.totalMs - one.totalMs)
        .slice(0, MAX_SHOWN);
      return this.#texts(schema, slow, options).map((texts) => ({
        thresholdMs: this.thresholdMs,
        since: new Date(since),
        wasReset,
        queries: slow.map(({ queryId, calls, totalMs, rows }) => ({
          queryId,
          text: texts.get(queryId) ?? null,
          calls,
          totalMs,
          meanMs: totalMs / calls,
          rows,
        })),
      }));
    });
  }

  #texts(
    schema: string,
    slow: readonly StatementCounter[],
    options: ReadOptions,
  ): ResultAsync<ReadonlyMap<string, string>, ReadError> {
    if (slow.length === 0) return okAsync(new Map<string, string>());
    const queryIds = slow.map(({ queryId }) => queryId).join(',');
    return this.executor.read(selectTexts({ schema }), { queryIds }, options).map(
      (rows) =>
        // The server replaces the values of most statements, but before 16 not those of SET, CREATE and the like.
        new Map(rows.map(({ queryId, text }) => [queryId, this.#textOf(text)])),
    );
  }
}
