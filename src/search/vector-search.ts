import type { ResultAsync } from 'neverthrow';
import type { CallOptions } from '../database/executor.js';
import type { Embedding } from '../database/vector-wire.js';
import type { ReadError, StoreError } from '../errors.js';
import type { MessageRole } from '../schema/chat-messages.js';
import type { JsonObject } from '../schema/column-types.js';
import type { TextSearchLanguage } from '../schema/text-search-languages.js';
import type { MetadataFilter } from './metadata-filter.js';
import type { ProbeOptions, RecallReport } from './recall-probe.js';
import type { RecallState } from './recall-tuning.js';
import type { StrategyName } from './strategies/strategy.js';

/** Which rows of the scope may be found; every part that is given must hold. */
export interface SearchFilter {
  /** On the metadata that the vector was stored with. */
  readonly metadata?: MetadataFilter;
  /** Who said it: the role of the vector's message. Vectors without a message are left out. */
  readonly roles?: readonly MessageRole[];
  /** When the vector was stored: `from` itself included, `until` not. */
  readonly createdAt?: { readonly from?: Date; readonly until?: Date };
  /** Only vectors of these messages, 1–1,000. */
  readonly messageIds?: readonly string[];
}

export interface SemanticSearchOptions extends CallOptions {
  /** Hits at most, 1–1,000. Default 10. */
  readonly limit?: number;
  /**
   * The least similarity of a hit, -1–1, itself included; `null` for none. Default 0.7, which suits some models
   * and is too high for others: with `text-embedding-3-small`, distinct texts rarely reach 0.64.
   */
  readonly threshold?: number | null;
  /** Default: all chats of the user. */
  readonly chatId?: string;
  readonly filter?: SearchFilter;
  /** Neighbouring messages of each hit, 0–50 on each side. Default: none are read. */
  readonly context?: { readonly before?: number; readonly after?: number };
  /**
   * How much hits should differ from each other, 0–1: the weight of being different against being near
   * (maximal marginal relevance). They then come in the order in which they were picked, out of four times as
   * many, with a `limit` of 100 at most. Default 0.
   */
  readonly diversity?: number;
  /** Default: what costs least for the size of the scope. The hits are the same but for recall. */
  readonly strategy?: StrategyName;
  /** How many rows `codes` and `hnsw` compare by their real vectors, 1–20,000. Default: grows with limit and scope. */
  readonly candidates?: number;
  /** `hnsw.ef_search` for `hnsw`, 1–1,000. Default: 100, or four times a larger limit. */
  readonly efSearch?: number;
}

export interface SearchOptions extends SemanticSearchOptions {
  /** `nextCursor` of the page before, of the same search. Not with `diversity`. */
  readonly cursor?: string;
}

/** A message beside a hit, without what the hit says already. */
export interface ContextMessage {
  readonly id: string;
  readonly role: MessageRole;
  readonly content: string;
  readonly metadata: JsonObject | null;
  readonly createdAt: Date;
}

/** A text that was found, without its embedding. */
export interface SemanticSearchResult {
  readonly id: string;
  readonly content: string;
  readonly chatId: string;
  readonly messageId: string | null;
  readonly metadata: JsonObject | null;
  readonly createdAt: Date;
  /** Cosine similarity, -1–1. */
  readonly similarity: number;
  /** Where asked for: neighbours of the hit's message in reading order; none for a vector without a message. */
  readonly context?: {
    readonly before: readonly ContextMessage[];
    readonly after: readonly ContextMessage[];
  };
}

/** Hits, and how they were found. */
export interface SearchAnswer {
  readonly hits: readonly SemanticSearchResult[];
  /** For the next hits of the ranking; `null` at its end. */
  readonly nextCursor: string | null;
  /** What gave the hits. */
  readonly strategy: StrategyName;
  /** Vectors in the user's or chat's scope before any filter, counted within the last minute. */
  readonly scopeRows: number;
  /** How many were compared by their real vectors. */
  readonly candidates: number;
  /** There are fewer hits than the limit because there is nothing more to be found, whatever the threshold. */
  readonly underfilled: boolean;
  /** A first try came back short, and another strategy or more candidates made it good. */
  readonly retried: boolean;
  /** What the server spent on executing, of the last try. */
  readonly serverMs: number;
}

/** What texts are alike in meaning and in words is found by. */
export interface HybridQuery {
  /**
   * Words to look for, 1–10,000 characters, as one types them into a search box: any of them may match, rare
   * ones count most. With operators, `"a phrase"`, `-not`, all that is asked for must hold.
   */
  readonly text: string;
  readonly embedding: Embedding;
}

export interface HybridSearchOptions extends Omit<SemanticSearchOptions, 'diversity'> {
  /** Hits at most, 1–200. Default 10. */
  readonly limit?: number;
  /** The least similarity at which the meaning counts; words count whatever the similarity. Default `null`: none. */
  readonly threshold?: number | null;
  /** How words are reduced to their stems. Default `english`, the one with an index: others read every text in scope. */
  readonly language?: TextSearchLanguage;
  /** How much each half counts, 0–1,000. Default 1 and 1. */
  readonly weights?: { readonly vector?: number; readonly text?: number };
}

export interface HybridSearchResult extends SemanticSearchResult {
  /** Sum of weight ÷ (60 + place) over both halves: what the order is by. */
  readonly score: number;
  /** The place by similarity and by words, counted from 1; `null` where it was not found so. */
  readonly vectorRank: number | null;
  readonly textRank: number | null;
}

/** What the searches of a batch have in common. */
export type SearchManyOptions = Omit<SemanticSearchOptions, 'diversity' | 'context'>;

/** How the server runs a search. */
export interface SearchExplanation {
  readonly strategy: StrategyName;
  readonly candidates: number;
  /** `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)`, without the embedding. */
  readonly plan: JsonObject;
}

/** Counts since the store was made. */
export interface SearchStats {
  /** Answers by the strategy that gave them. */
  readonly searches: Readonly<Record<StrategyName, number>>;
  /** Answers whose first try came back short. */
  readonly retried: number;
  /** What sampling has found; see `search.recallSampleRate` in the configuration. */
  readonly recall: Readonly<Record<'codes' | 'hnsw', RecallState>>;
}

export type SearchError = ReadError | StoreError<'invalid-input' | 'dimension-mismatch'>;

/** Finds texts by meaning. */
export interface VectorSearchService {
  /**
   * The user's texts nearest to the query, best first, ties by id. Another user's texts are never among the
   * hits; an unknown user or chat gives none.
   *
   * Small scopes are ranked exactly, others by codes or by HNSW with recall of 0.99 and more; never fewer hits
   * than there are. `search` tells which, `strategy: 'exact'` leaves nothing to chance.
   *
   * `dimension-mismatch` when the query has another number of dimensions than the store, or the store than
   * the database; `invalid-input` for a query that is not finite or all zeros.
   *
   * @example
   * const hits = await store.vectorSearch.semanticSearch(queryEmbedding, userId, { limit: 5, threshold: 0.5 });
   * if (hits.isOk()) for (const hit of hits.value) console.log(hit.similarity.toFixed(2), hit.content);
   */
  semanticSearch(
    queryEmbedding: Embedding,
    userId: string,
    options?: SemanticSearchOptions,
  ): ResultAsync<readonly SemanticSearchResult[], SearchError>;

  /**
   * The same, with a cursor for the next page, and with how the answer came about: 0.1 ms more, for the figures.
   *
   * @example
   * const first = await store.vectorSearch.search(queryEmbedding, userId, { threshold: null });
   * if (first.isOk()) console.log(first.value.strategy, first.value.scopeRows, first.value.nextCursor);
   */
  search(
    queryEmbedding: Embedding,
    userId: string,
    options?: SearchOptions,
  ): ResultAsync<SearchAnswer, SearchError>;

  /**
   * Searches for each of 1–100 queries, in one round trip, and gives the hits of each in order.
   *
   * @example
   * const found = await store.vectorSearch.searchMany(embeddings, userId, { limit: 3 });
   * if (found.isOk()) found.value.forEach((hits, query) => console.log(query, hits[0]?.content));
   */
  searchMany(
    queryEmbeddings: readonly Embedding[],
    userId: string,
    options?: SearchManyOptions,
  ): ResultAsync<readonly (readonly SemanticSearchResult[])[], SearchError>;

  /**
   * Searches by meaning and by words at once, for names, codes and numbers that an embedding does not tell
   * apart. The two rankings are fused by the reciprocals of their places, in one statement. Best first, ties
   * by id.
   *
   * @example
   * const hits = await store.vectorSearch.hybridSearch({ text: 'order 4711-B', embedding }, userId, { limit: 5 });
   * if (hits.isOk()) for (const hit of hits.value) console.log(hit.textRank, hit.vectorRank, hit.content);
   */
  hybridSearch(
    query: HybridQuery,
    userId: string,
    options?: HybridSearchOptions,
  ): ResultAsync<readonly HybridSearchResult[], SearchError>;

  /**
   * Runs the search once and tells its plan, to be read by people: row counts, pages, times. The plan shows
   * the conditions of a filter.
   */
  explain(
    queryEmbedding: Embedding,
    userId: string,
    options?: SearchOptions,
  ): ResultAsync<SearchExplanation, SearchError>;

  /**
   * Compares what searches give with the exact answers, for users of every size: stored vectors are taken for
   * queries. Costs two searches a sample and class, and changes nothing.
   *
   * @example
   * const report = await store.vectorSearch.probeRecall({ sample: 20 });
   * if (report.isOk()) for (const { maxRows, recall } of report.value.classes) console.log(maxRows, recall);
   */
  probeRecall(options?: ProbeOptions): ResultAsync<RecallReport, SearchError>;

  stats(): SearchStats;
}
