import type { JsonObject } from '../schema/column-types.js';

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
}
