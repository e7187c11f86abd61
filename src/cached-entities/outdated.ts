import type { ChatRef } from '../repositories/chats.js';

/** One cached entry, named by what it is of. */
export type Entity =
  | { readonly kind: 'user'; readonly userId: string }
  /** `owner`: whose the chat is, which no message changes. */
  | ({ readonly kind: 'chat' | 'owner' | 'history' } & ChatRef);

/** Cached entries that a write has made outdated. */
export interface Outdated {
  readonly entities: readonly Entity[];
  /** Tags of others, of which nobody knows whether they are there. */
  readonly tags: readonly string[];
  /** The rows are no more. */
  readonly isGone: boolean;
}

// The braces put all entries of a user into one slot of a cluster, so that a write ends them in one command.
const ofUser = (userId: string): string => `{${userId.toLowerCase()}}`;

export function entityKey(entity: Entity): string {
  const user = `${entity.kind}:${ofUser(entity.userId)}`;
  return entity.kind === 'user' ? user : `${user}:${entity.chatId.toLowerCase()}`;
}

export const emailKey = (email: string): string => `email:${email.toLowerCase()}`;
/** Borne by whatever is of a user's chats: it goes with the user. */
export const userTag = (userId: string): string => `of:${ofUser(userId)}`;

const ofChat = ({ userId, chatId }: ChatRef, ...kinds: ('chat' | 'owner' | 'history')[]): Entity[] =>
  kinds.map((kind) => ({ kind, userId, chatId }));

export const changedUser = (userId: string): Outdated => ({
  entities: [{ kind: 'user', userId }],
  tags: [],
  isGone: false,
});
export const deletedUser = (userId: string): Outdated => ({
  entities: [{ kind: 'user', userId }],
  tags: [userTag(userId)],
  isGone: true,
});
export const changedChat = (chat: ChatRef): Outdated => ({
  entities: ofChat(chat, 'chat'),
  tags: [],
  isGone: false,
});
export const deletedChat = (chat: ChatRef): Outdated => ({
  entities: ofChat(chat, 'chat', 'owner', 'history'),
  tags: [],
  isGone: true,
});
/** A message also moves its chat to the top. */
export const changedMessages = (chat: ChatRef): Outdated => ({
  entities: ofChat(chat, 'chat', 'history'),
  tags: [],
  isGone: false,
});
