import { err, ok, type Result } from 'neverthrow';
import { z } from 'zod';
import { checkEmbedding } from '../database/embedding.js';
import type { CallOptions } from '../database/executor.js';
import type { Embedding, VectorWire } from '../database/vector-wire.js';
import { invalidInput, type StoreError } from '../errors.js';
import { checkInput, id, limit } from '../input.js';
import { MESSAGE_ROLES } from '../schema/chat-messages.js';
import { indexedConditions } from './indexed-conditions.js';
import { metadataFilter } from './metadata-filter.js';
import {
  BEFORE_FIRST,
  decodeRankingCursor,
  type RankingPosition,
  rankingFingerprint,
} from './ranking-cursor.js';
import { type FilterParams, NO_FILTER, type ScopeKind, type ScopeParams } from './search-scope.js';
import type { StrategyName } from './strategies/strategy.js';
import type { SearchOptions } from './vector-search.js';

/** A search as it is run: checked, with its defaults, its parameters ready to be sent. */
export interface CheckedSearch {
  readonly operation: string;
  readonly embedding: unknown;
  readonly scope: ScopeKind;
  readonly scopeParams: ScopeParams;
  readonly isFiltered: boolean;
  readonly filterParams: FilterParams;
  /** A declared metadata field that the filter asks for, and the values, as JSON, of which it must have one. */
  readonly indexedField: string | null;
  readonly fieldValues: readonly string[];
  readonly limit: number;
  readonly threshold: number;
  readonly start: RankingPosition;
  readonly fingerprint: string | null;
  readonly context: { readonly before: number; readonly after: number } | null;
  readonly diversity: number;
  readonly forced: ForcedChoice;
  readonly options: CallOptions;
}

/** What the caller decides instead of us. */
export interface ForcedChoice {
  readonly strategy?: StrategyName | undefined;
  readonly candidates?: number | undefined;
  readonly efSearch?: number | undefined;
}

const MAX_DIVERSE_HITS = 100;

const instant = z.date().transform((date) => date.toISOString());
const neighbours = z.int().min(0).max(50).default(0);

const searchFilter = z.strictObject({
  metadata: metadataFilter.optional(),
  roles: z.array(z.enum(MESSAGE_ROLES)).min(1).optional(),
  createdAt: z.strictObject({ from: instant.optional(), until: instant.optional() }).optional(),
  messageIds: z.array(id).min(1).max(1_000).optional(),
});

export const SCOPE_FIELDS = {
  chatId: id.optional(),
  filter: searchFilter.optional(),
  strategy: z.enum(['exact', 'codes', 'hnsw']).optional(),
  candidates: z.int().min(1).max(20_000).optional(),
  efSearch: z.int().min(1).max(1_000).optional(),
  threshold: z.number().min(-1).max(1).nullable().default(0.7),
};

const searchOptions = z
  .strictObject({
    ...SCOPE_FIELDS,
    limit: limit(1_000, 10),
    cursor: z.string().max(200).optional(),
    context: z.strictObject({ before: neighbours, after: neighbours }).optional(),
    diversity: z.number().min(0).max(1).default(0),
  })
  .refine(({ diversity, limit: hits }) => diversity === 0 || hits <= MAX_DIVERSE_HITS, {
    path: ['limit'],
    error: `must be at most ${MAX_DIVERSE_HITS} with diversity: each hit is compared with every other`,
  })
  .refine(({ diversity, cursor }) => diversity === 0 || cursor === undefined, {
    path: ['cursor'],
    error: 'must not be given with diversity: its hits are not in the order of the ranking',
  });

const owner = z.strictObject({ userId: id });

export interface SearchSettings {
  readonly dimensions: number;
  readonly wire: VectorWire;
  readonly indexedMetadata: readonly string[];
}

/** Checks the user and the options apart: those may come from a request, and must not bring a user of their own. */
export function checkSearch(
  operation: string,
  { dimensions, wire, indexedMetadata }: SearchSettings,
  queryEmbedding: Embedding,
  userId: string,
  { signal, ...given }: SearchOptions | undefined = {},
  { isPaged }: { readonly isPaged: boolean },
): Result<CheckedSearch, StoreError<'invalid-input' | 'dimension-mismatch'>> {
  return checkInput(operation, owner, { userId }).andThen((user) =>
    checkInput(operation, searchOptions, given).andThen((options) =>
      checkEmbedding(operation, 'queryEmbedding', queryEmbedding, dimensions).andThen((floats) => {
        const embedding = wire.encode(floats);
        const { chatId = null, filter, cursor, context = null, strategy, candidates, efSearch } = options;
        const fingerprint = isPaged
          ? rankingFingerprint(embedding, user.userId, chatId, filter, options.threshold)
          : null;
        const scoped = scopeOf(user.userId, chatId, filter, indexedMetadata);
        const checked = {
          operation,
          embedding,
          ...scoped,
          limit: options.limit,
          threshold: options.threshold ?? -1,
          fingerprint,
          context,
          diversity: options.diversity,
          forced: { strategy, candidates, efSearch },
          options: signal === undefined ? {} : { signal },
        };
        if (cursor === undefined) return ok({ ...checked, start: BEFORE_FIRST });
        if (fingerprint === null) {
          return err(invalidInput(operation, [{ path: 'cursor', message: 'is for search()' }]));
        }
        return decodeRankingCursor(operation, cursor, fingerprint).map((start) => ({ ...checked, start }));
      }),
    ),
  );
}

type CheckedFilter = z.output<typeof searchFilter>;

/** Where to look, and which rows pass. */
export function scopeOf(
  userId: string,
  chatId: string | null,
  filter: CheckedFilter | undefined,
  indexedMetadata: readonly string[],
) {
  const messageIds = filter?.messageIds ?? null;
  const scope: ScopeKind = messageIds !== null ? 'messages' : chatId !== null ? 'chat' : 'user';
  const [condition] =
    filter?.metadata === undefined || scope === 'messages'
      ? []
      : indexedConditions(filter.metadata.filter, indexedMetadata);
  return {
    scope,
    scopeParams: { userId, chatId, messageIds },
    isFiltered:
      filter?.metadata !== undefined || filter?.roles !== undefined || filter?.createdAt !== undefined,
    filterParams: {
      metadata: filter?.metadata?.path ?? NO_FILTER.metadata,
      roles: filter?.roles ?? NO_FILTER.roles,
      createdFrom: filter?.createdAt?.from ?? NO_FILTER.createdFrom,
      createdUntil: filter?.createdAt?.until ?? NO_FILTER.createdUntil,
    },
    indexedField: condition?.field ?? null,
    fieldValues: condition?.values.map((value) => JSON.stringify(value)) ?? [],
  };
}
