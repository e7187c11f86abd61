import { err, ok, Result } from 'neverthrow';
import { z } from 'zod';
import { checkEmbedding } from '../database/embedding.js';
import type { CallOptions } from '../database/executor.js';
import type { Embedding, VectorWire } from '../database/vector-wire.js';
import { type DimensionMismatchError, type InvalidInputError, invalidInput } from '../errors.js';
import { checkInput, id, isId, limit } from '../input.js';
import { MESSAGE_ROLES } from '../schema/chat-messages.js';
import { TEXT_SEARCH_LANGUAGES } from '../schema/text-search-languages.js';
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
import type { SemanticSearchOptions } from './vector-search.js';

/** A search as it is run: checked, with its defaults, its parameters ready to be sent. */
export interface CheckedSearch {
  readonly operation: string;
  /** One, or several as an array. */
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
  /** `null` where no cursor is asked for. */
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

/** What the text half of a hybrid search needs. */
export interface CheckedText {
  readonly text: string;
  readonly language: string;
  /** It has operators, and is taken by the letter. */
  readonly isLiteral: boolean;
  readonly vectorWeight: number;
  readonly textWeight: number;
}

export type SearchInputError = InvalidInputError | DimensionMismatchError;

export interface SearchSettings {
  readonly dimensions: number;
  readonly wire: VectorWire;
  readonly indexedMetadata: readonly string[];
}

const MAX_DIVERSE_HITS = 100;
const MAX_QUERIES = 100;
const DEFAULT_THRESHOLD = 0.7;
const DEFAULT_LIMIT = 10;
const MAX_LIMIT = 1_000;

/** A quoted phrase, or a word not to be found. */
const OPERATORS = /"|(^|\s)-\S/;

// The server reads years of four digits only, in the form in which JavaScript writes dates.
const instant = z
  .date()
  .min(new Date('0001-01-01T00:00:00Z'))
  .max(new Date('9999-12-31T23:59:59.999Z'))
  .transform((date) => date.toISOString());
const neighbours = z.int().min(0).max(50).default(0);
const threshold = z.number().min(-1).max(1).nullable();
const weight = z.number().min(0).max(1_000).default(1);

const searchFilter = z.strictObject({
  metadata: metadataFilter.optional(),
  roles: z.array(z.enum(MESSAGE_ROLES)).min(1).optional(),
  createdAt: z.strictObject({ from: instant.optional(), until: instant.optional() }).optional(),
  messageIds: z.array(id).min(1).max(1_000).optional(),
});

const commonFields = {
  chatId: id.optional(),
  filter: searchFilter.optional(),
  strategy: z.enum(['exact', 'codes', 'hnsw']).optional(),
  candidates: z.int().min(1).max(20_000).optional(),
  efSearch: z.int().min(1).max(1_000).optional(),
  threshold: threshold.default(DEFAULT_THRESHOLD),
  limit: limit(MAX_LIMIT, DEFAULT_LIMIT),
};
const context = z.strictObject({ before: neighbours, after: neighbours }).optional();

const semanticOptions = z
  .strictObject({ ...commonFields, context, diversity: z.number().min(0).max(1).default(0) })
  .refine(({ diversity, limit: hits }) => diversity === 0 || hits <= MAX_DIVERSE_HITS, {
    path: ['limit'],
    error: `must be at most ${MAX_DIVERSE_HITS} with diversity: each hit is compared with every other`,
  });

const pagedOptions = semanticOptions
  .safeExtend({ cursor: z.string().max(200).optional() })
  .refine(({ diversity, cursor }) => diversity === 0 || cursor === undefined, {
    path: ['cursor'],
    error: 'must not be given with diversity: its hits are not in the order of the ranking',
  });

const manyOptions = z.strictObject(commonFields);
const manyQueries = z.strictObject({
  queryEmbeddings: z.array(z.custom<Embedding>()).min(1).max(MAX_QUERIES),
});

const hybridOptions = z.strictObject({
  ...commonFields,
  threshold: threshold.default(null),
  limit: limit(200, 10),
  context,
  language: z.enum(TEXT_SEARCH_LANGUAGES).default('english'),
  weights: z.strictObject({ vector: weight, text: weight }).default({ vector: 1, text: 1 }),
});
const hybridText = z.strictObject({ text: z.string().min(1).max(10_000) });

// Apart from the options: those may come from a request, and must not bring a user of their own.
const owner = z.strictObject({ userId: id });

/** What a caller gives beside the query. */
type Given = CallOptions | undefined;

export function checkSemanticSearch(
  operation: string,
  settings: SearchSettings,
  [queryEmbedding, userId, given]: readonly [Embedding, string, (SemanticSearchOptions | undefined)?],
): Result<CheckedSearch, SearchInputError> {
  const usual = usualOptions(userId, given);
  const checked = usual === null ? checkOptions(operation, semanticOptions, userId, given) : ok(usual);
  if (checked.isErr()) return err(checked.error);
  const { user, options } = checked.value;
  return checkEmbedding(operation, 'queryEmbedding', queryEmbedding, settings.dimensions).map((floats) =>
    toSearch(operation, settings, settings.wire.encode(floats), user, options, given),
  );
}

export function checkPagedSearch(
  operation: string,
  settings: SearchSettings,
  [queryEmbedding, userId, given]: readonly [Embedding, string, Given?],
): Result<CheckedSearch, SearchInputError> {
  return checkOptions(operation, pagedOptions, userId, given).andThen(({ user, options }) =>
    checkEmbedding(operation, 'queryEmbedding', queryEmbedding, settings.dimensions).andThen((floats) => {
      const embedding = settings.wire.encode(floats);
      const { chatId, filter, cursor } = options;
      const fingerprint = rankingFingerprint(embedding, user, chatId, filter, options.threshold);
      const search = { ...toSearch(operation, settings, embedding, user, options, given), fingerprint };
      if (cursor === undefined) return ok(search);
      return decodeRankingCursor(operation, cursor, fingerprint).map((start) => ({ ...search, start }));
    }),
  );
}

export function checkSearchMany(
  operation: string,
  settings: SearchSettings,
  [queryEmbeddings, userId, given]: readonly [readonly Embedding[], string, Given?],
  vectorOid: number,
): Result<CheckedSearch, SearchInputError> {
  return checkOptions(operation, manyOptions, userId, given).andThen(({ user, options }) =>
    checkInput(operation, manyQueries, { queryEmbeddings }).andThen((checked) =>
      Result.combine(
        checked.queryEmbeddings.map((embedding, index) =>
          checkEmbedding(operation, `queryEmbeddings.${index}`, embedding, settings.dimensions),
        ),
      ).map((floats) =>
        toSearch(operation, settings, settings.wire.encodeMany(floats, vectorOid), user, options, given),
      ),
    ),
  );
}

export function checkHybridSearch(
  operation: string,
  settings: SearchSettings,
  [query, userId, given]: readonly [{ readonly text: string; readonly embedding: Embedding }, string, Given?],
): Result<{ readonly search: CheckedSearch; readonly text: CheckedText }, SearchInputError> {
  return checkOptions(operation, hybridOptions, userId, given).andThen(({ user, options }) =>
    checkInput(operation, hybridText, { text: query?.text }).andThen(({ text }) =>
      checkEmbedding(operation, 'embedding', query.embedding, settings.dimensions).andThen((floats) => {
        if (text.includes('\u0000')) {
          return err(invalidInput(operation, [{ path: 'text', message: 'must not hold NUL' }]));
        }
        const { language, weights } = options;
        return ok({
          search: toSearch(operation, settings, settings.wire.encode(floats), user, options, given),
          text: {
            text,
            language,
            isLiteral: OPERATORS.test(text),
            vectorWeight: weights.vector,
            textWeight: weights.text,
          },
        });
      }),
    ),
  );
}

/**
 * The options of nearly all searches, looked at by hand: a schema takes longer for them than everything else
 * before a search is sent. `null`: others are there, or something is wrong, which the schema has to tell.
 */
function usualOptions(userId: unknown, given: Given): { user: string; options: CommonOptions } | null {
  const usual: SemanticSearchOptions = given ?? {};
  for (const name in usual) if (!USUAL_OPTIONS.has(name)) return null;
  const { limit: hits = DEFAULT_LIMIT, threshold: least = DEFAULT_THRESHOLD, chatId } = usual;
  const isUsual =
    isId(userId) &&
    (chatId === undefined || isId(chatId)) &&
    Number.isInteger(hits) &&
    hits >= 1 &&
    hits <= MAX_LIMIT &&
    (least === null || (typeof least === 'number' && least >= -1 && least <= 1));
  if (!isUsual) return null;
  return {
    user: userId.toLowerCase(),
    options: { chatId: chatId?.toLowerCase(), limit: hits, threshold: least },
  };
}

const USUAL_OPTIONS: ReadonlySet<string> = new Set(['limit', 'threshold', 'chatId', 'signal']);

function checkOptions<T>(operation: string, schema: z.ZodType<T>, userId: string, given: Given) {
  const { signal: _, ...rest } = given ?? {};
  return checkInput(operation, owner, { userId }).andThen((user) =>
    checkInput(operation, schema, rest).map((options) => ({ user: user.userId, options })),
  );
}

interface CommonOptions extends ForcedChoice {
  readonly chatId?: string | undefined;
  readonly filter?: z.output<typeof searchFilter> | undefined;
  readonly threshold: number | null;
  readonly limit: number;
  readonly context?: { readonly before: number; readonly after: number } | undefined;
  readonly diversity?: number;
}

function toSearch(
  operation: string,
  { indexedMetadata }: SearchSettings,
  embedding: unknown,
  userId: string,
  given: CommonOptions,
  callOptions: Given,
): CheckedSearch {
  const { strategy, candidates, efSearch } = given;
  return {
    operation,
    embedding,
    ...toScope(userId, given.chatId ?? null, given.filter, indexedMetadata),
    limit: given.limit,
    threshold: given.threshold ?? -1,
    start: BEFORE_FIRST,
    fingerprint: null,
    context: given.context ?? null,
    diversity: given.diversity ?? 0,
    forced: { strategy, candidates, efSearch },
    options: callOptions?.signal === undefined ? {} : { signal: callOptions.signal },
  };
}

/** Where to look, and which rows pass. */
function toScope(
  userId: string,
  chatId: string | null,
  filter: CommonOptions['filter'],
  indexedMetadata: readonly string[],
) {
  const { metadata, roles, createdAt, messageIds = null } = filter ?? {};
  const scope: ScopeKind = messageIds !== null ? 'messages' : chatId !== null ? 'chat' : 'user';
  // Some messages' vectors are few, and found by the index on the message.
  const [condition] =
    metadata === undefined || scope === 'messages' ? [] : indexedConditions(metadata.filter, indexedMetadata);
  return {
    scope,
    scopeParams: { userId, chatId, messageIds },
    isFiltered: metadata !== undefined || roles !== undefined || createdAt !== undefined,
    filterParams: {
      metadata: metadata?.path ?? NO_FILTER.metadata,
      roles: roles ?? NO_FILTER.roles,
      createdFrom: createdAt?.from ?? NO_FILTER.createdFrom,
      createdUntil: createdAt?.until ?? NO_FILTER.createdUntil,
    },
    indexedField: condition?.field ?? null,
    fieldValues: condition?.values.map((value) => JSON.stringify(value)) ?? [],
  };
}
