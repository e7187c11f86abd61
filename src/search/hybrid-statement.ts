import { type SQL, sql } from 'drizzle-orm';
import { parameter, perVariant } from '../database/statement.js';
import type { CheckedText } from './search-input.js';
import {
  candidateColumns,
  candidatesQuery,
  contextAnchor,
  figuresQuery,
  filterOf,
  hitColumns,
  isNear,
  limitParameter,
  queryParameter,
  type SearchParams,
  type SearchRow,
  type SearchVariant,
  scopeOf,
  tableOf,
} from './search-statement.js';

export interface HybridVariant extends SearchVariant {
  /** The texts are found by the full-text index, and not by reading the scope. */
  readonly isTextIndexed: boolean;
  /** The query has operators and is taken by the letter; otherwise any of its words may match. */
  readonly isLiteral: boolean;
}

export type HybridParams = SearchParams & CheckedText;

export interface HybridRow extends SearchRow {
  readonly score: number;
  /** Its place in each half, counted from 1; `null` where that half has not found it. */
  readonly vectorPlace: number | null;
  readonly textPlace: number | null;
}

/** The `k` of reciprocal rank fusion: how fast a place loses its weight (Cormack, Clarke and Büttcher, SIGIR 2009). */
const RANK_CONSTANT = sql`60`;
/** A word that more of the user's texts have says little, and costs a page a text. */
const MAX_TEXTS = sql`500`;
const MAX_WORDS = sql`32`;
/** A text counts in full where the rarest word that it shares with the query is in so few, … */
const RARE_TEXTS = sql`10`;
/** … and where the shared words are a quarter of the query's weight. */
const FULL_SHARE = sql`4`;

export const hybridStatement = perVariant<HybridVariant, HybridParams, HybridRow>(
  'vectorSearch.hybridSearch',
  (variant) => sql`
    with candidates as materialized (${candidatesQuery(variant, queryParameter(variant.column))}),
    near as (
      select id, row_number() over (order by distance, id) as place from candidates where ${isNear}
    ),
    ${textsQuery(variant)},
    fused as materialized (
      select id, near.place as near_place, texts.place as text_place,
        coalesce(${parameter('vectorWeight')}::float8 / (${RANK_CONSTANT} + near.place), 0)
          + coalesce(${parameter('textWeight')}::float8 * texts.strength / (${RANK_CONSTANT} + texts.place), 0) as score
      from near full join texts using (id)
      order by score desc, id
      limit ${limitParameter}
    ),
    hits as (
      select ${candidateColumns}, (v.embedding <=> ${queryParameter(variant.column).embedding}) + 0 as distance,
        fused.score, fused.near_place, fused.text_place
      from fused join ${tableOf(variant)} v on v.id = fused.id
    )
    select ${hitColumns(variant)}, hits.score, hits.near_place::int as "vectorPlace", hits.text_place::int as "textPlace"
    from (${figuresQuery(variant)}) figures left join hits on true ${variant.hasContext ? contextAnchor : sql``}
    order by hits.score desc, hits.id`,
);

const language = sql`${parameter('language')}::regconfig`;
const text = sql`${parameter('text')}::text`;
/** The expression of the full-text index, which is there for one language. */
const INDEXED = sql`to_tsvector('english'::regconfig, left(v.content, 100000))`;
const ASKED_LANGUAGE = sql`to_tsvector(${language}, left(v.content, 100000))`;

/**
 * The texts with words of the query, by the sum of their words' weights: a word weighs the more the fewer of
 * the texts have it (inverse document frequency), since that is what a full-text half is for: names, codes,
 * numbers. `ts_rank` knows no rarity, and would take a text apart for every hit of a common word; here the
 * index alone tells who has a word. Ties go to the newer text.
 *
 * Places alone would let the best of bad matches count as much as a good one. So a match has a strength: full
 * for a rare word, little for one that many texts have or that is a small part of what was asked. With it the
 * fused ten best hold the right turn for 47 of the 62 labelled queries of the benchmarks, without for 45.
 */
function textsQuery(variant: HybridVariant): SQL {
  const { isTextIndexed, isLiteral } = variant;
  const asked = isLiteral
    ? sql`select 1::bigint as word, websearch_to_tsquery(${language}, ${text}) as query`
    : sql`select ordinal as word, (${quoted(sql`lexeme`)})::tsquery as query
        from unnest((tsvector_to_array(to_tsvector(${language}, ${text})))[:${MAX_WORDS}]) with ordinality as words (lexeme, ordinal)`;
  const scope = scopeOf({ ...variant, indexedField: null, partialHnswOf: null });
  const inScope = sql`from ${tableOf(variant)} v where ${scope.indexed} ${filterOf(variant)}`;
  const read = sql`, read as materialized (select v.id, v.created_at, ${ASKED_LANGUAGE} as words ${inScope})`;
  const having = isTextIndexed
    ? sql`select v.id, v.created_at ${inScope} and ${INDEXED} @@ asked.query
        ${isLiteral ? sql`order by v.created_at desc, v.id limit ${MAX_TEXTS}` : sql`limit ${MAX_TEXTS} + 1`}`
    : sql`select read.id, read.created_at from read where read.words @@ asked.query`;
  const allTexts = isTextIndexed ? MAX_TEXTS : sql`(select count(*) from read)`;
  const strength = sql`power(least(1, max(weight) / ln(1 + ${allTexts}::float8 / ${RARE_TEXTS})), 3)
    * least(1, ${FULL_SHARE} * sum(weight) / (select sum(weight) from weights))`;
  return sql`asked as materialized (${asked})${isTextIndexed ? sql`` : read}, found as materialized (
      select asked.word, texts.id, texts.created_at from asked cross join lateral (${having}) texts
    ), weights as (
      select asked.word, case when count(found.id) <= ${allTexts} then ln(1 + ${allTexts}::float8 / greatest(count(found.id), 1)) else 0 end as weight
      from asked left join found using (word) group by asked.word
    ), texts as materialized (
      select id, row_number() over (order by sum(weight) desc, max(created_at) desc, id) as place,
        ${isLiteral ? sql`1` : strength} as strength
      from found join weights using (word) where weight > 0 group by id
      order by place
      limit (select ${parameter('candidates')}::int)
    )`;
}

/** A word as the text of a query for it. */
const quoted = (word: SQL) => sql`'''' || replace(replace(${word}, '\\', '\\\\'), '''', '''''') || ''''`;
