import type { ResultAsync } from 'neverthrow';
import { z } from 'zod';
import { checkEmbedding, type EmbeddingGuard } from '../database/embedding.js';
import type { CallOptions, Executor } from '../database/executor.js';
import type { Embedding } from '../database/vector-wire.js';
import type { ReadError, StoreError } from '../errors.js';
import { checkInput, id, limit } from '../input.js';
import type { EmbeddingShape } from '../schema/embedding-shape.js';
import { searchChat, searchUser } from './exact-strategy.js';
import type { SemanticSearchResult } from './semantic-search-result.js';

export interface SemanticSearchOptions extends CallOptions {
  /** Hits at most, 1–1,000. Default 10. */
  readonly limit?: number;
  /**
   * The least similarity of a hit, -1–1, itself included. Default 0.7, which suits some models and is too
   * high for others: with `text-embedding-3-small`, distinct texts rarely reach 0.64.
   */
  readonly threshold?: number;
  /** Default: all chats of the user. */
  readonly chatId?: string;
}

export type SearchError = ReadError | StoreError<'invalid-input' | 'dimension-mismatch'>;

/** Finds texts by meaning. */
export interface VectorSearchService {
  /**
   * The user's texts nearest to the query, best first, ties by id. Exact: it ranks every vector of the user,
   * or of the chat, so the cost grows with their number. Another user's texts are never among the hits; an
   * unknown user or chat gives none.
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
}

const OPERATION = 'vectorSearch.semanticSearch';

const owner = z.strictObject({ userId: id });
const searchOptions = z.strictObject({
  limit: limit(1_000, 10),
  threshold: z.number().min(-1).max(1).default(0.7),
  chatId: id.optional(),
});

export function createVectorSearchService(
  executor: Executor,
  { column, dimensions }: EmbeddingShape,
  guard: EmbeddingGuard,
): VectorSearchService {
  return {
    semanticSearch(queryEmbedding, userId, searched) {
      const { signal, ...given } = searched ?? {};
      const options: CallOptions = signal === undefined ? {} : { signal };
      // Apart from the options: those may come from a request, and must not bring a user of their own.
      return checkInput(OPERATION, owner, { userId })
        .andThen((scope) =>
          checkInput(OPERATION, searchOptions, given).map((search) => ({ ...search, ...scope })),
        )
        .andThen((input) =>
          checkEmbedding(OPERATION, 'queryEmbedding', queryEmbedding, dimensions).map((floats) => ({
            input,
            floats,
          })),
        )
        .asyncAndThen(({ input: { chatId, ...scope }, floats }) =>
          guard.check(OPERATION, executor, options).andThen(() => {
            const params = { ...scope, embedding: executor.wire.encode(floats) };
            return chatId === undefined
              ? executor.read(searchUser[column], params, options)
              : executor.read(searchChat[column], { ...params, chatId }, options);
          }),
        );
    },
  };
}
