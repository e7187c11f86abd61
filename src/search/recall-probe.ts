import { sql } from 'drizzle-orm';
import { err, ok, type Result } from 'neverthrow';
import { z } from 'zod';
import type { CallOptions, Executor } from '../database/executor.js';
import { compileStatement, parameter } from '../database/statement.js';
import { isTable, perPlace } from '../database/vector-tables.js';
import { checkInput, limit } from '../input.js';
import { recallOf } from './recall.js';
import { type CheckedSearch, checkSemanticSearch, type SearchSettings } from './search-input.js';
import { type SearchRunner, SINGLE } from './search-runner.js';
import { isHit } from './search-statement.js';
import type { StrategyName } from './strategies/strategy.js';
import type { SearchError } from './vector-search.js';

export interface ProbeOptions extends CallOptions {
  /** Searches a class of size, 1–1,000. Default 50. */
  readonly sample?: number;
  /** Hits of each that are compared, 1–100. Default 10. */
  readonly k?: number;
}

/** The users of one order of magnitude, and how well they are searched. */
export interface RecallClass {
  /** Rows of a user at most; `null`: no bound. */
  readonly maxRows: number | null;
  /** Searches that were compared; 0 where the sample has no such user. */
  readonly searches: number;
  /** Share of the true nearest that were found, 0–1, the mean; `null` without searches. */
  readonly recall: number | null;
  /** The lowest of one search. */
  readonly lowest: number | null;
  /** How many searches each strategy served. */
  readonly strategies: Readonly<Partial<Record<StrategyName, number>>>;
}

export interface RecallReport {
  readonly k: number;
  /** By size, the smallest users first. */
  readonly classes: readonly RecallClass[];
}

const OPERATION = 'vectorSearch.probeRecall';
const CLASS_BOUNDS: readonly (number | null)[] = [10, 200, 1_000, 4_000, null];
/** Rows that are drawn to find users of every size among them. */
const DRAWN_ROWS = 5_000;

const probeOptions = z.strictObject({ sample: limit(1_000, 50), k: limit(100, 10) });

interface DrawnRow {
  readonly userId: string;
  readonly id: string;
  readonly userRows: number;
}

// Whole pages at random: what one row costs otherwise, a page does.
const drawRows = perPlace((place) => {
  const table = sql.identifier(place.table);
  return compileStatement<{ rows: number }, DrawnRow>(
    `${OPERATION}${place.variant}`,
    sql`with drawn as materialized (
        select user_id, id from ${table}
        tablesample system (least(100, 100.0 * ${parameter('rows')}::float8
          / greatest(1, (select reltuples from pg_class where oid = ${sql`${place.tableOid}::oid`.inlineParams()}))))
        where ${isTable(place)}
      ), sizes as (
        select user_id, (select count(*) from ${table} v where v.user_id = users.user_id) as rows
        from (select distinct user_id from drawn) users
      )
      select user_id as "userId", id, rows::int as "userRows" from drawn join sizes using (user_id)`,
  );
});

const selectEmbedding = perPlace((place) =>
  compileStatement<{ id: string }, { embedding: string }>(
    `${OPERATION}#embedding${place.variant}`,
    sql`select embedding::text as embedding from ${sql.identifier(place.table)}
      where id = ${parameter('id')}::uuid and ${isTable(place)}`,
  ),
);

/**
 * Takes stored vectors for queries, and compares what a search would give their user with the exact answer.
 * The query itself, which every strategy finds, does not count.
 */
export async function probeRecall(
  runner: SearchRunner,
  executor: Executor,
  settings: SearchSettings,
  { signal, ...given }: ProbeOptions,
): Promise<Result<RecallReport, SearchError>> {
  const options: CallOptions = signal === undefined ? {} : { signal };
  const checked = checkInput(OPERATION, probeOptions, given);
  if (checked.isErr()) return err(checked.error);
  const { sample, k } = checked.value;
  const drawn = await runner.onTable({ operation: OPERATION, options }, (place) =>
    executor.read(drawRows(place), { rows: DRAWN_ROWS }, options),
  );
  if (drawn.isErr()) return err(drawn.error);

  const classes: RecallClass[] = [];
  for (const [index, maxRows] of CLASS_BOUNDS.entries()) {
    const above = CLASS_BOUNDS[index - 1] ?? 0;
    const ofClass = drawn.value.filter(({ userRows: rows }) => rows > above && rows <= (maxRows ?? rows));
    const compared: Compared[] = [];
    for (const row of shuffled(ofClass).slice(0, sample)) {
      const one = await compare(runner, executor, settings, row, k, options);
      if (one.isErr()) return err(one.error);
      if (one.value !== null) compared.push(one.value);
    }
    classes.push(summary(maxRows, compared));
  }
  return ok({ k, classes });
}

interface Compared {
  readonly strategy: StrategyName;
  readonly recall: number;
}

/** `null`: the row has been deleted meanwhile. */
async function compare(
  runner: SearchRunner,
  executor: Executor,
  settings: SearchSettings,
  { userId, id }: DrawnRow,
  k: number,
  options: CallOptions,
): Promise<Result<Compared | null, SearchError>> {
  const stored = await runner.onTable({ operation: OPERATION, options }, (place) =>
    executor.read(selectEmbedding(place), { id }, options),
  );
  if (stored.isErr()) return err(stored.error);
  const [row] = stored.value;
  if (row === undefined) return ok(null);
  const query = Float32Array.from(JSON.parse(row.embedding) as number[]);
  const search = checkSemanticSearch(OPERATION, settings, [
    query,
    userId,
    { threshold: null, limit: k + 1, ...options },
  ]);
  if (search.isErr()) return err(search.error);
  const [live, exact] = [
    await runner.run(search.value, SINGLE),
    await runner.run(exactly(search.value), SINGLE),
  ];
  if (live.isErr()) return err(live.error);
  if (exact.isErr()) return err(exact.error);
  const others = ({ rows }: typeof live.value) =>
    rows.filter((found) => isHit(found) && found.id !== id).slice(0, k);
  const distances = (found: typeof live.value) => others(found).map(({ distance }) => distance);
  return ok({
    strategy: live.value.choice.strategy,
    recall: recallOf(distances(live.value), distances(exact.value)),
  });
}

/** The same search with nothing left to chance. */
export function exactly(search: CheckedSearch): CheckedSearch {
  return { ...search, forced: { strategy: 'exact' } };
}

function summary(maxRows: number | null, compared: readonly Compared[]): RecallClass {
  const recalls = compared.map(({ recall }) => recall);
  const strategies: Partial<Record<StrategyName, number>> = {};
  for (const { strategy } of compared) strategies[strategy] = (strategies[strategy] ?? 0) + 1;
  return {
    maxRows,
    searches: compared.length,
    recall: recalls.length === 0 ? null : recalls.reduce((sum, recall) => sum + recall, 0) / recalls.length,
    lowest: recalls.length === 0 ? null : Math.min(...recalls),
    strategies,
  };
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, place: Math.random() }))
    .sort((one, other) => one.place - other.place)
    .map(({ item }) => item);
}
