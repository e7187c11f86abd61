import { type SQL, sql } from 'drizzle-orm';
import { embeddingParameter } from '../database/embedding.js';
import { parameter, perVariant } from '../database/statement.js';
import { isTable, type VectorPlace } from '../database/vector-tables.js';
import { chatMessages } from '../schema/chat-messages.js';
import type { JsonObject } from '../schema/column-types.js';
import type { EmbeddingColumn } from '../schema/embedding-shape.js';
import { hnswIndexName, partialHnswIndexName } from '../schema/vector-index-names.js';
import {
  type FilterParams,
  filterConditions,
  type ScopeKind,
  type ScopeParams,
  scopeConditions,
} from './search-scope.js';
import { codesStrategy } from './strategies/codes-strategy.js';
import { exactStrategy } from './strategies/exact-strategy.js';
import { hnswStrategy } from './strategies/hnsw-strategy.js';
import type { ScopeConditions, Strategy, StrategyName } from './strategies/strategy.js';

/** The table and the type of its column. */
export type VectorSource = Pick<VectorPlace, 'table' | 'tableOid' | 'column'>;

/** What makes the text of a search statement; each combination that is used is compiled once. */
export interface SearchVariant extends VectorSource {
  readonly strategy: StrategyName;
  readonly scope: ScopeKind;
  readonly isFiltered: boolean;
  /** A metadata field by whose index the rows are found; `null`: by the index of the scope. */
  readonly indexedField: string | null;
  /** Counts the rows in scope on the way. */
  readonly isMeasured: boolean;
  readonly hasContext: boolean;
  /** Tells how similar the hits are to each other. */
  readonly hasPairs: boolean;
  /** The user whose partial HNSW index is to be used; `null`: the index on all. */
  readonly partialHnswOf: string | null;
}

export interface SearchParams extends ScopeParams, FilterParams {
  readonly embedding: unknown;
  readonly candidates: number;
  readonly limit: number;
  readonly threshold: number;
  /** Where the page before ended. */
  readonly afterDistance: number;
  readonly afterId: string;
  readonly before: number;
  readonly after: number;
  readonly fieldValues: readonly string[];
}

/** One hit. */
export interface HitRow {
  readonly id: string;
  readonly content: string;
  readonly chatId: string;
  readonly messageId: string | null;
  readonly metadata: JsonObject | null;
  readonly createdAt: Date;
  readonly distance: number;
  readonly contextBefore?: readonly object[];
  readonly contextAfter?: readonly object[];
  /** With the first hit: similarities of each two, first with second, first with third, … */
  readonly pairs?: string | null;
}

/** One hit with the figures of the search; or, where nothing was hit, one row with the figures alone. */
export interface SearchRow extends Omit<HitRow, 'id'> {
  readonly id: string | null;
  /** Candidates found, and those of them behind the page before. */
  readonly candidates: number;
  readonly remaining: number;
  /** `null` where it was not measured. */
  readonly scopeRows: number | null;
  /** `false`: there is no valid HNSW index, and so there are no candidates. */
  readonly isIndexReady: boolean;
  readonly serverMs: number;
}

export const isHit = <Row extends SearchRow>(row: Row): row is Row & HitRow => row.id !== null;

/**
 * The nearest and nothing about them, whatever the threshold: a third less work for the server than
 * {@link searchStatement}, and half as much to read.
 */
export const nearestStatement = perVariant<SearchVariant, SearchParams, HitRow>(
  'vectorSearch.nearest',
  (variant) => sql`
    select id, content, chat_id as "chatId", message_id as "messageId", metadata, created_at as "createdAt", distance
    from (${candidatesQuery(variant, queryParameter(variant.column))}) candidates
    order by distance, id limit ${limitParameter}`,
);

export const searchStatement = perVariant<SearchVariant, SearchParams, SearchRow>(
  'vectorSearch.search',
  (variant) => searchQuery(variant),
);

/** The query as a parameter; in a batch, a column. */
export interface QueryVector {
  readonly embedding: SQL;
  readonly code: SQL;
}

export function queryParameter(column: EmbeddingColumn): QueryVector {
  const embedding = embeddingParameter(column);
  return { embedding, code: sql`(select binary_quantize(${embedding}))` };
}

// NaN is above every number in PostgreSQL: the distance of a vector whose length a 32-bit float cannot hold.
export const isNear = sql`1 - distance between ${parameter('threshold')}::float8 and 1`;
/** The same for a distance that has been read. */
export const isWithin = (distance: number, threshold: number): boolean =>
  1 - distance >= threshold && distance >= 0;
const isNumber = sql`distance <= 2`;
const isAfter = sql`(distance, id) > (${parameter('afterDistance')}::float8, ${parameter('afterId')}::uuid)`;
export const limitParameter = sql`(select ${parameter('limit')}::int)`;

/** Candidates by their strategy; then, over those few rows, everything that is the same for all strategies. */
export function searchQuery(variant: SearchVariant, query = queryParameter(variant.column)): SQL {
  return sql`
    with candidates as materialized (${candidatesQuery(variant, query)}),
    hits as ${variant.hasPairs ? sql`materialized` : sql``} (
      select * from candidates where ${isNear} and ${isAfter} order by distance, id limit ${limitParameter}
    )
    select ${hitColumns(variant)}${variant.hasPairs ? pairsColumn : sql``}
    from (${figuresQuery(variant)}) figures left join hits on true ${variant.hasContext ? contextAnchor : sql``}
    order by hits.distance, hits.id`;
}

export function candidatesQuery(variant: SearchVariant, { embedding, code }: QueryVector): SQL {
  return strategyOf(variant)({
    table: tableOf(variant),
    columns: sql`${candidateColumns}${variant.hasPairs ? sql`, v.embedding` : sql``}`,
    query: embedding,
    code,
    scope: scopeOf(variant),
    filter: filterOf(variant),
    count: sql`(select ${parameter('candidates')}::int)`,
  });
}

export const candidateColumns = sql`v.id, v.content, v.chat_id, v.message_id, v.metadata, v.created_at`;
export const tableOf = ({ table }: VectorSource): SQL => sql`${sql.identifier(table)}`;
export const filterOf = ({ isFiltered }: SearchVariant): SQL => (isFiltered ? filterConditions : sql``);

/** Of the relations `hits` and `figures`. */
export const hitColumns = ({ hasContext }: SearchVariant): SQL => sql`
  hits.id, hits.content, hits.chat_id as "chatId", hits.message_id as "messageId", hits.metadata,
  hits.created_at as "createdAt", hits.distance, figures.*${hasContext ? contextColumns : sql``},
  (extract(epoch from clock_timestamp() - statement_timestamp()) * 1000)::float8 as "serverMs"`;

/** One row about the candidates. */
export const figuresQuery = (variant: SearchVariant): SQL => sql`
  select count(*)::int as candidates, count(*) filter (where ${isAfter} and ${isNumber})::int as remaining,
    ${variant.isMeasured ? scopeRowsOf(variant) : sql`null::int`} as "scopeRows",
    ${variant.strategy === 'hnsw' ? isReady(variant) : sql`true`} as "isIndexReady"
  from candidates`;

export function scopeOf(variant: SearchVariant): ScopeConditions {
  const { scope, indexedField, partialHnswOf } = variant;
  const { indexed, opaque } = scopeConditions(scope, indexedField);
  const here = isTable(variant);
  const conditions = { indexed: sql`${indexed} and ${here}`, opaque: sql`${opaque} and ${here}` };
  if (partialHnswOf === null) return conditions;
  // In the text: a partial index serves a statement whose condition the planner can prove without its values.
  return {
    ...conditions,
    opaque: sql`v.user_id = ${sql`${partialHnswOf}::uuid`.inlineParams()} and ${conditions.opaque}`,
  };
}

function strategyOf(variant: SearchVariant): Strategy {
  if (variant.strategy === 'exact') return exactStrategy;
  return variant.strategy === 'codes' ? codesStrategy : hnswStrategy(isReady(variant));
}

/** The rows in the user's or chat's scope, whatever the filter: read from its index alone. */
function scopeRowsOf(variant: SearchVariant): SQL {
  const { indexed } = scopeConditions(variant.scope, null);
  return sql`(select count(*)::int from ${tableOf(variant)} v where ${indexed})`;
}

function isReady({ table, partialHnswOf }: SearchVariant): SQL {
  const index = partialHnswOf === null ? hnswIndexName(table) : partialHnswIndexName(table, partialHnswOf);
  return sql`(select coalesce(bool_and(indisvalid and indisready), false) from pg_index where indexrelid = to_regclass(${index}))`.inlineParams();
}

// With the first hit only: of a hundred hits, they are a megabyte.
const pairsColumn = sql`, case when row_number() over (order by hits.distance, hits.id) = 1 then (
  select array_agg((1 - (one.embedding <=> other.embedding))::float4 order by one.distance, one.id, other.distance, other.id)::text
  from hits one join hits other on (other.distance, other.id) > (one.distance, one.id)) end as pairs`;

export const contextAnchor = sql`left join ${chatMessages} anchor on anchor.id = hits.message_id and anchor.user_id = (select ${parameter('userId')}::uuid)`;

/**
 * Neighbours of the hit's message in its chat. The chat is a range of one, as in messages.list: so the index
 * is read in order and the limit ends the scan.
 */
const neighbours = (comparison: SQL, bound: SQL, direction: SQL, count: string) => sql`
  (select coalesce(json_agg(neighbour order by neighbour."createdAt", neighbour.id), '[]') from (
    select m.id, m.role, m.content, m.metadata, m.created_at as "createdAt"
    from ${chatMessages} m
    where (m.chat_id, m.created_at, m.id) ${comparison} (anchor.chat_id, anchor.created_at, anchor.id) and m.chat_id ${bound} anchor.chat_id
    order by m.chat_id ${direction}, m.created_at ${direction}, m.id ${direction}
    limit (select ${parameter(count)}::int)
  ) neighbour)`;

const contextColumns = sql`,
  ${neighbours(sql`<`, sql`>=`, sql`desc`, 'before')} as "contextBefore",
  ${neighbours(sql`>`, sql`<=`, sql`asc`, 'after')} as "contextAfter"`;
