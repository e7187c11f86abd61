import { type Result, ResultAsync } from 'neverthrow';
import { isStoreError } from '../errors.js';
import type { ChatRepository } from '../repositories/chats.js';
import type { MessageRepository } from '../repositories/messages.js';
import type { UserRepository } from '../repositories/users.js';
import {
  changedChat,
  changedMessages,
  changedUser,
  deletedChat,
  deletedUser,
  type Outdated,
} from './outdated.js';

/** The repositories whose rows are cached. */
export interface EntityRepositories {
  readonly users: UserRepository;
  readonly chats: ChatRepository;
  readonly messages: MessageRepository;
}

/** Hears of what a write has made outdated; the write is acknowledged when it is done. */
export type Note = (outdated: Outdated) => Promise<void> | void;

/**
 * The same repositories, each write of which is noted before it is acknowledged. A new row is no news: that there
 * was none is never cached.
 */
export function noteWrites<Repositories extends EntityRepositories>(
  repositories: Repositories,
  note: Note,
): Repositories {
  const { users, chats, messages } = repositories;
  return {
    ...repositories,
    users: {
      ...users,
      update: (userId, ...rest) => noted(users.update(userId, ...rest), () => note(changedUser(userId))),
      recordLogin: (userId, ...rest) =>
        noted(users.recordLogin(userId, ...rest), () => note(changedUser(userId))),
      delete: (userId, ...rest) => noted(users.delete(userId, ...rest), () => note(deletedUser(userId))),
    },
    chats: {
      ...chats,
      rename: (chat, ...rest) => noted(chats.rename(chat, ...rest), () => note(changedChat(chat))),
      touch: (chat, ...rest) => noted(chats.touch(chat, ...rest), () => note(changedChat(chat))),
      delete: (chat, ...rest) => noted(chats.delete(chat, ...rest), () => note(deletedChat(chat))),
    },
    messages: {
      ...messages,
      append: (message, ...rest) =>
        noted(messages.append(message, ...rest), () => note(changedMessages(message))),
      appendMany: (given, ...rest) =>
        noted(messages.appendMany(given, ...rest), () => note(changedMessages(given))),
      update: (changes, ...rest) =>
        noted(messages.update(changes, ...rest), () => note(changedMessages(changes))),
      delete: (message, ...rest) =>
        noted(messages.delete(message, ...rest), () => note(changedMessages(message))),
    },
  };
}

/** Also where nobody knows whether the write took effect. */
export function noted<T, E>(write: ResultAsync<T, E>, note: () => Promise<void> | void): ResultAsync<T, E> {
  const acknowledge = async (): Promise<Result<T, E>> => {
    const result = await write;
    if (result.isOk() || isOutcomeUnknown(result.error)) await note();
    return result;
  };
  return new ResultAsync(acknowledge());
}

function isOutcomeUnknown(error: unknown): boolean {
  return isStoreError(error) && error.kind === 'outcome-unknown';
}
