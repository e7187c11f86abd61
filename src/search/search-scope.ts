import { type SQL, sql } from 'drizzle-orm';
import { parameter } from '../database/statement.js';
import { chatMessages } from '../schema/chat-messages.js';
import type { ScopeConditions } from './strategies/strategy.js';

/** Where a search looks: all of a user's vectors, those of one chat, or those of some messages. */
export type ScopeKind = 'user' | 'chat' | 'messages';

export interface ScopeParams {
  readonly userId: string;
  readonly chatId: string | null;
  readonly messageIds: readonly string[] | null;
}

/** The conditions on single rows, each with a value that lets everything pass. */
export interface FilterParams {
  /** A jsonpath predicate. */
  readonly metadata: string | null;
  readonly roles: readonly string[] | null;
  readonly createdFrom: string;
  readonly createdUntil: string;
}

export const NO_FILTER: FilterParams = {
  metadata: null,
  roles: null,
  createdFrom: '-infinity',
  createdUntil: 'infinity',
};

// Behind a subquery the planner knows nothing of the value: a plan made for it is no cheaper than the reused
// one, so that PostgreSQL keeps the reused plan and does not plan every call anew (a third of a short search).
const userId = sql`(select ${parameter('userId')}::uuid)`;
const chatId = sql`(select ${parameter('chatId')}::uuid)`;

const ofUser = sql`coalesce(v.user_id = ${userId}, false)`;
const inChat = sql`coalesce(v.chat_id = ${chatId}, false)`;
const inChatIfAny = sql`(${chatId} is null or v.chat_id = ${chatId})`;

/**
 * A user is a range of one, for which the planner assumes a small share of the table, whatever it knows of
 * the users: by equality, a table with few users would be read from end to end.
 */
const CONDITIONS: Readonly<Record<ScopeKind, ScopeConditions>> = {
  user: { indexed: sql`v.user_id >= ${userId} and v.user_id <= ${userId}`, opaque: ofUser },
  chat: {
    indexed: sql`(v.user_id, v.chat_id) >= (${userId}, ${chatId}) and (v.user_id, v.chat_id) <= (${userId}, ${chatId})`,
    opaque: sql`${ofUser} and ${inChat}`,
  },
  messages: {
    indexed: sql`v.message_id = any (${parameter('messageIds')}::uuid[]) and ${ofUser} and ${inChatIfAny}`,
    opaque: sql`v.message_id = any (${parameter('messageIds')}::uuid[]) and ${ofUser} and ${inChatIfAny}`,
  },
};

/** The conditions of a scope; with a declared metadata field, by the index on the user and that field. */
export function scopeConditions(kind: ScopeKind, indexedField: string | null): ScopeConditions {
  const conditions = CONDITIONS[kind];
  if (indexedField === null) return conditions;
  const ofField = sql`jsonb_hash(v.metadata -> ${literal(indexedField)}) = any (array(
    select jsonb_hash(value) from unnest(${parameter('fieldValues')}::jsonb[]) value))`;
  return { ...conditions, indexed: sql`v.user_id = ${userId} and ${ofField} and ${conditions.opaque}` };
}

// In the text, since an index on an expression is found by its text.
const literal = (text: string): SQL => sql`${text}::text`.inlineParams();

/**
 * All conditions in one shape, so that one statement serves every filter.
 *
 * The role is a value that is looked up, not an `exists`: that the planner may turn into a hash of everybody's
 * messages.
 */
export const filterConditions: SQL = sql`
  and (${parameter('metadata')}::jsonpath is null
    or jsonb_path_match(coalesce(v.metadata, '{}'), ${parameter('metadata')}::jsonpath, '{}', true))
  and v.created_at >= ${parameter('createdFrom')}::timestamptz and v.created_at < ${parameter('createdUntil')}::timestamptz
  and (${parameter('roles')}::text[] is null or (
    select m.role from ${chatMessages} m where m.user_id = v.user_id and m.id = v.message_id
  ) = any (${parameter('roles')}::text[]))`;
