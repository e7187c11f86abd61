import { err, errAsync, okAsync, ResultAsync } from 'neverthrow';
import type { CacheNamespace } from '../cache/cache-service.js';
import type { CallOptions } from '../database/executor.js';
import { aborted, type InvalidInputError, isStoreError, type ReadError } from '../errors.js';
import { isId } from '../input.js';
import type { ChatRef } from '../repositories/chats.js';
import type { ChatScope } from '../repositories/messages.js';
import type { User } from '../repositories/users.js';
import type { EntityRepositories } from './noted-writes.js';
import { emailKey, entityKey, userTag } from './outdated.js';

/** The longest history that is cached, and the default of `messages.history`. */
const CACHED_MESSAGES = 50;

/**
 * The same repositories, whose most frequent reads come through the cache. What is asked for in a way that they
 * would refuse goes to them, and so does every call that the cache itself cannot answer.
 */
export function cacheReads<Repositories extends EntityRepositories>(
  repositories: Repositories,
  cache: CacheNamespace,
): Repositories {
  const { users, chats, messages } = repositories;

  const through = <T, E>(
    operation: string,
    key: string,
    tags: readonly string[],
    load: () => ResultAsync<T, E>,
    { signal }: CallOptions = {},
  ): ResultAsync<T, E> => {
    const read = cache.getOrSet(
      key,
      async (context) => {
        const loaded = await load();
        // That there is nothing is not stored: so a new row makes nothing outdated.
        if (loaded.isOk() && isNothing(loaded.value)) context.skipStore();
        return loaded;
      },
      { tags },
    ) as ResultAsync<T, E>;
    const answered = read.orElse((error): ResultAsync<T, E> => (isOfCache(error) ? load() : errAsync(error)));
    // A load may be for many: nobody's signal ends it for the others.
    return signal === undefined ? answered : untilAborted(operation, answered, signal);
  };

  const findUser = (userId: string, options?: CallOptions) =>
    isId(userId)
      ? through(
          'users.findById',
          entityKey({ kind: 'user', userId }),
          [],
          () => users.findById(userId),
          options,
        )
      : users.findById(userId, options);

  const throughChat = <T, E>(
    operation: string,
    kind: 'chat' | 'owner' | 'history',
    { userId, chatId }: ChatRef,
    load: () => ResultAsync<T, E>,
    options: CallOptions | undefined,
  ) => through(operation, entityKey({ kind, userId, chatId }), [userTag(userId)], load, options);

  const findChat = (ref: ChatRef, options?: CallOptions) =>
    isChatRef(ref)
      ? throughChat('chats.findById', 'chat', ref, () => chats.findById(ref), options)
      : chats.findById(ref, options);

  return {
    ...repositories,
    users: {
      ...users,
      findById: findUser,
      getById: (userId, options) =>
        isId(userId)
          ? findUser(userId, options).andThen((user) =>
              user === null ? users.getById(userId, options) : okAsync(user),
            )
          : users.getById(userId, options),
      findByEmail: (email, options) => {
        if (!isAddress(email)) return users.findByEmail(email, options);
        // The address is kept with the id alone; whose it is now, the user's own entry tells.
        const owner = through(
          'users.findByEmail',
          emailKey(email),
          [],
          () => users.findByEmail(email).map((user) => user?.id ?? null),
          options,
        );
        return owner.andThen((userId) => {
          if (userId === null) return okAsync<User | null, ReadError | InvalidInputError>(null);
          return findUser(userId, options).andThen((user) =>
            user?.email.toLowerCase() === email.toLowerCase()
              ? okAsync(user)
              : cache
                  .delete(emailKey(email))
                  .orElse(() => okAsync(undefined))
                  .andThen(() => users.findByEmail(email, options)),
          );
        });
      },
    },
    chats: {
      ...chats,
      findById: findChat,
      getById: (ref, options) =>
        isChatRef(ref)
          ? findChat(ref, options).andThen((chat) =>
              chat === null ? chats.getById(ref, options) : okAsync(chat),
            )
          : chats.getById(ref, options),
      isOwnedBy: (ref, options) =>
        isChatRef(ref)
          ? throughChat('chats.isOwnedBy', 'owner', ref, () => chats.isOwnedBy(ref), options)
          : chats.isOwnedBy(ref, options),
    },
    messages: {
      ...messages,
      history: (input, options) => {
        if (!isLatestPage(input)) return messages.history(input, options);
        const { userId, chatId, limit = CACHED_MESSAGES } = input;
        return throughChat(
          'messages.history',
          'history',
          input,
          () => messages.history({ userId, chatId, limit: CACHED_MESSAGES }),
          options,
        ).map((all) => all.slice(-limit));
      },
    },
  };
}

/** Exactly what the repositories take: anything else they are to refuse. */
function isChatRef(input: ChatRef, ...others: readonly string[]): boolean {
  if (typeof input !== 'object' || input === null || !isId(input.userId) || !isId(input.chatId)) return false;
  const known = ['userId', 'chatId', ...others];
  return Object.keys(input).every((name) => known.includes(name));
}

function isLatestPage(input: ChatScope & { readonly limit?: number }): boolean {
  if (!isChatRef(input, 'limit')) return false;
  const { limit = CACHED_MESSAGES } = input;
  return Number.isInteger(limit) && limit >= 1 && limit <= CACHED_MESSAGES;
}

const MAX_ADDRESS_CHARACTERS = 255;

const isAddress = (email: unknown): email is string =>
  typeof email === 'string' && email !== '' && email.length <= MAX_ADDRESS_CHARACTERS;

const isNothing = (value: unknown): boolean =>
  value === null || value === false || (Array.isArray(value) && value.length === 0);

/** The cache's own failure, and not that of a read behind it. */
const isOfCache = (error: unknown): boolean => isStoreError(error) && error.operation.startsWith('cache.');

function untilAborted<T, E>(
  operation: string,
  read: ResultAsync<T, E>,
  signal: AbortSignal,
): ResultAsync<T, E> {
  return new ResultAsync(
    new Promise((resolve) => {
      // Every read of a repository may end so.
      const onAbort = () => resolve(err(aborted(operation) as E));
      if (signal.aborted) {
        onAbort();
        return;
      }
      signal.addEventListener('abort', onAbort, { once: true });
      void read.then((result) => {
        signal.removeEventListener('abort', onAbort);
        resolve(result);
      });
    }),
  );
}
