import { createHash } from 'node:crypto';
import type { EmbeddingColumn } from '../schema/embedding-shape.js';
import { hnswIndexName, partialHnswIndexName } from '../schema/vector-index-names.js';
import type { VectorIndexKind } from './vector-index-kind.js';

/** Tuning of an HNSW graph. */
export interface HnswShape {
  readonly m: number;
  readonly efConstruction: number;
}

/** One index that can be built, under its own name or a temporary one. */
export interface IndexDefinition {
  readonly name: string;
  readonly kind: VectorIndexKind;
  /** The tuning asked for; `null` where the index has none. */
  readonly hnsw: HnswShape | null;
  statement(name: string): string;
}

export const DEFAULT_HNSW: HnswShape = { m: 16, efConstruction: 64 };

const SINGLE_NAMES = {
  covering: 'idx_chat_vectors_user_id_chat_id',
  'full-text': 'idx_chat_vectors_content_fts',
  hnsw: hnswIndexName('chat_vectors'),
} as const;

/** Put before the name of every index of ours, so that the catalog can be asked for them. */
export const NAME_PREFIX = 'idx_chat_vectors_';
const PARTIAL_NAME =
  /^idx_chat_vectors_hnsw_([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})$/;
const METADATA_NAME = /^idx_chat_vectors_metadata_[0-9a-f]{16}$/;
/** Ours of a rebuild that was cut off, and those of `REINDEX CONCURRENTLY`. */
const TEMPORARY_NAME = /^(.+)_(?:new|old|ccnew\d*|ccold\d*)$/;

const create = (name: string, rest: string) =>
  `CREATE INDEX CONCURRENTLY "${name}" ON "chat_vectors" USING ${rest}`;

// Written as in the migrations: each takes the other's index for its own.
export const coveringIndex: IndexDefinition = {
  name: SINGLE_NAMES.covering,
  kind: 'covering',
  hnsw: null,
  statement: (name) => create(name, 'btree ("user_id","chat_id") INCLUDE ("id","embedding_code")'),
};

export const fullTextIndex: IndexDefinition = {
  name: SINGLE_NAMES['full-text'],
  kind: 'full-text',
  hnsw: null,
  statement: (name) => create(name, `gin (to_tsvector('english'::regconfig, left("content", 100000)))`),
};

const graph = (column: EmbeddingColumn, { m, efConstruction }: HnswShape) =>
  `hnsw ("embedding" ${column}_cosine_ops) WITH (m=${m},ef_construction=${efConstruction})`;

export function hnswIndex(column: EmbeddingColumn, hnsw: HnswShape): IndexDefinition {
  return {
    name: SINGLE_NAMES.hnsw,
    kind: 'hnsw',
    hnsw,
    statement: (name) => create(name, graph(column, hnsw)),
  };
}

/** `userId` is a UUID in lower case: it stands in the statement, where DDL takes no parameters. */
export function partialHnswIndex(column: EmbeddingColumn, hnsw: HnswShape, userId: string): IndexDefinition {
  return {
    name: partialHnswIndexName('chat_vectors', userId),
    kind: 'partial-hnsw',
    hnsw,
    statement: (name) => create(name, `${graph(column, hnsw)} WHERE ("user_id" = '${userId}'::uuid)`),
  };
}

/** Of the value's hash: a key of 20 bytes whatever the value, so that a long one cannot fail an insert. */
export function metadataIndex(field: string): IndexDefinition {
  const literal = `'${field.replaceAll("'", "''")}'::text`;
  return {
    name: metadataIndexName(field),
    kind: 'metadata',
    hnsw: null,
    statement: (name) => create(name, `btree ("user_id",jsonb_hash(("metadata" -> ${literal})))`),
  };
}

function metadataIndexName(field: string): string {
  return `${NAME_PREFIX}metadata_${createHash('sha256').update(field).digest('hex').slice(0, 16)}`;
}

/** `null`: an index of the table that is none of these, or a temporary one. */
export function kindOfName(name: string): VectorIndexKind | null {
  for (const kind of ['covering', 'full-text', 'hnsw'] as const) if (SINGLE_NAMES[kind] === name) return kind;
  if (PARTIAL_NAME.test(name)) return 'partial-hnsw';
  return METADATA_NAME.test(name) ? 'metadata' : null;
}

export const temporaryNames = (name: string) => ({ fresh: `${name}_new`, old: `${name}_old` });

/** The index that a temporary one was to become or has been, or `null` for a name that is not temporary. */
export function baseOfTemporary(name: string): string | null {
  const base = TEMPORARY_NAME.exec(name)?.[1] ?? '';
  return kindOfName(base) === null ? null : base;
}

/** The user of a partial index. */
export function userOfName(name: string): string | null {
  const parts = PARTIAL_NAME.exec(name)?.slice(1);
  return parts?.join('-') ?? null;
}

/** The metadata field of an index, read from the server's print; `null` where that is not what its name says. */
export function fieldOfDefinition(name: string, definition: string): string | null {
  const literal = /metadata -> '((?:[^']|'')*)'::text/.exec(definition)?.[1];
  if (literal === undefined) return null;
  const field = literal.replaceAll("''", "'");
  return metadataIndexName(field) === name ? field : null;
}
