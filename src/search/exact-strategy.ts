import { sql } from 'drizzle-orm';
import { embeddingParameter, perColumn } from '../database/embedding.js';
import { compileStatement, parameter } from '../database/statement.js';
import { chatVectors } from '../schema/chat-vectors.js';
import type { SemanticSearchResult } from './semantic-search-result.js';

export interface ExactSearch {
  readonly userId: string;
  readonly chatId?: string;
  readonly embedding: unknown;
  readonly threshold: number;
  readonly limit: number;
}

/**
 * Ranks every vector in scope by its true distance.
 *
 * `+ 0` keeps the HNSW index out: it filters after its scan, and so gives a small user fewer hits than there
 * are, or none. The threshold stands outside the ordered LIMIT, where it costs nothing. Both leave one plan
 * only, the index on the scope and a top-N sort, so that a reused plan is as good as a fresh one.
 *
 * The upper bound leaves NaN out, which PostgreSQL puts above every number: the distance of a vector whose
 * length a 32-bit float cannot hold.
 */
const exactStatement = (variant: string, inChat: ReturnType<typeof sql>) =>
  perColumn((column) =>
    compileStatement<ExactSearch, SemanticSearchResult>(
      `vectorSearch.semanticSearch#${variant}`,
      sql`select id, content, chat_id as "chatId", message_id as "messageId", metadata, created_at as "createdAt",
          1 - distance as similarity
        from (
          select id, content, chat_id, message_id, metadata, created_at,
            (embedding <=> ${embeddingParameter(column)}) + 0 as distance
          from ${chatVectors}
          where user_id = ${parameter('userId')} ${inChat}
          order by distance, id
          limit ${parameter('limit')}
        ) nearest
        where 1 - distance between ${parameter('threshold')}::float8 and 1
        order by distance, id`,
    ),
  );

export const searchUser = exactStatement('user', sql``);
export const searchChat = exactStatement('chat', sql`and chat_id = ${parameter('chatId')}`);
