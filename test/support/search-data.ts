import type { MacroStore } from '../../src/create-macro-store.js';
import type { EmbeddingShape } from '../../src/schema/embedding-shape.js';
import type { SearchAnswer, SearchOptions, SemanticSearchResult } from '../../src/search/vector-search.js';
import { anEmbedding, aVector, createUserWithChat, must } from './builders.js';

/** The fewest dimensions of which codes are used. */
export const CODED: EmbeddingShape = { dimensions: 256, column: 'vector' };
export const STRATEGIES = ['exact', 'codes', 'hnsw'] as const;

export const coded = (seed: number): Float32Array => anEmbedding(seed, CODED.dimensions);

export const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** Near the direction of the first: the more of it, the nearer. */
export function mixOf(one: Float32Array, other: Float32Array, share: number): Float32Array {
  return one.map((value, index) => share * value + (1 - share) * (other[index] ?? 0));
}

/** The same direction, of length 1. */
export function unit(embedding: Float32Array): Float32Array {
  const length = Math.sqrt(embedding.reduce((sum, value) => sum + value * value, 0));
  return embedding.map((value) => value / length);
}

export interface Owner {
  readonly userId: string;
  readonly chatId: string;
  /** Ids of the vectors, in the order of their embeddings. */
  readonly ids: readonly string[];
}

/** A user with one chat and these vectors in it. */
export async function aUserWith(
  store: Pick<MacroStore, 'users' | 'chats' | 'vectors'>,
  embeddings: readonly Float32Array[],
): Promise<Owner> {
  const chat = await createUserWithChat(store);
  const ids = embeddings.length === 0 ? [] : await addVectors(store, chat, embeddings);
  return { ...chat, ids };
}

export function addVectors(
  store: Pick<MacroStore, 'vectors'>,
  { userId, chatId }: { userId: string; chatId: string },
  embeddings: readonly Float32Array[],
): Promise<readonly string[]> {
  const vectors = embeddings.map((embedding) => aVector({ chatId, embedding }));
  return must(store.vectors.insertMany({ userId, vectors }));
}

/** All hits of a search, page after page; `between` runs after each page but the last. */
export async function hitsInPages(
  search: (cursor: string | undefined) => Promise<SearchAnswer>,
  between?: (page: SearchAnswer) => Promise<unknown>,
): Promise<readonly SemanticSearchResult[]> {
  const hits: SemanticSearchResult[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = await search(cursor);
    hits.push(...page.hits);
    if (page.nextCursor === null) return hits;
    cursor = page.nextCursor;
    await between?.(page);
  }
}

export const withCursor = (options: SearchOptions, cursor: string | undefined): SearchOptions =>
  cursor === undefined ? options : { ...options, cursor };
