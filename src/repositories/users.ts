import { sql } from 'drizzle-orm';
import { err, ok, okAsync, type ResultAsync } from 'neverthrow';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import type { CallOptions, Executor } from '../database/executor.js';
import { compileStatement, parameter } from '../database/statement.js';
import {
  type InvalidInputError,
  type NotFoundError,
  type ReadError,
  storeError,
  type WriteError,
} from '../errors.js';
import { checkInput, id, limit } from '../input.js';
import { users } from '../schema/users.js';
import { BEFORE_LOWEST_IDS, decodeCursor, type Page, toPage } from './cursor.js';
import { cursor, email, personName } from './input.js';
import { columnsOf, firstRow, firstRowOr, hasRows } from './rows.js';

export interface User {
  readonly id: string;
  readonly email: string;
  readonly emailVerified: boolean;
  readonly firstName: string | null;
  readonly lastName: string | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly lastLogin: Date | null;
}

export interface NewUser {
  /** Default: a new UUID v7. Give one to make a retry harmless. */
  readonly id?: string;
  /** Unique whatever its case; at most 255 characters. */
  readonly email: string;
  readonly emailVerified?: boolean;
  readonly firstName?: string | null;
  readonly lastName?: string | null;
}

/** What to change; an absent field stays as it is. */
export type UserChanges = Partial<Pick<NewUser, 'email' | 'emailVerified' | 'firstName' | 'lastName'>>;

/** The people who chat. */
export interface UserRepository {
  /**
   * Adds a user. The same `id` and `email` again give the stored user unchanged, so a retry is harmless;
   * `conflict` where another user has the id (`users_pkey`) or the address (`email_idx`).
   */
  create(user: NewUser, options?: CallOptions): ResultAsync<User, WriteError>;
  findById(userId: string, options?: CallOptions): ResultAsync<User | null, ReadError | InvalidInputError>;
  getById(
    userId: string,
    options?: CallOptions,
  ): ResultAsync<User, ReadError | InvalidInputError | NotFoundError>;
  /** Finds by address, whatever its case. */
  findByEmail(email: string, options?: CallOptions): ResultAsync<User | null, ReadError | InvalidInputError>;
  /** Changes the given fields and `updatedAt`. */
  update(
    userId: string,
    changes: UserChanges,
    options?: CallOptions,
  ): ResultAsync<User, WriteError | NotFoundError>;
  /** Sets `lastLogin` to the server's time. */
  recordLogin(userId: string, options?: CallOptions): ResultAsync<User, WriteError | NotFoundError>;
  /** All users by id, which for ids made here is the order of creation. `limit` 1–200, default 50. */
  list(
    page?: { readonly limit?: number; readonly cursor?: string },
    options?: CallOptions,
  ): ResultAsync<Page<User>, ReadError | InvalidInputError>;
  /** Deletes the user with all chats, messages and vectors. `false`: there was none. */
  delete(userId: string, options?: CallOptions): ResultAsync<boolean, WriteError>;
}

const userColumns = columnsOf(users);

const insertUser = compileStatement<Required<NewUser>, User>(
  'users.create',
  sql`insert into ${users} (id, email, email_verified, first_name, last_name)
    values (${parameter('id')}, ${parameter('email')}, ${parameter('emailVerified')}, ${parameter('firstName')}, ${parameter('lastName')})
    on conflict (id) do nothing
    returning ${userColumns}`,
);

const selectById = compileStatement<{ id: string }, User>(
  'users.findById',
  sql`select ${userColumns} from ${users} where id = ${parameter('id')}`,
);

const selectByEmail = compileStatement<{ email: string }, User>(
  'users.findByEmail',
  sql`select ${userColumns} from ${users} where lower(email) = lower(${parameter('email')})`,
);

interface UserUpdate {
  readonly id: string;
  readonly email: string | null;
  readonly emailVerified: boolean | null;
  readonly setsFirstName: boolean;
  readonly firstName: string | null;
  readonly setsLastName: boolean;
  readonly lastName: string | null;
}

// One statement for every set of changes: names can be set to null, so they need a flag of their own.
const updateUser = compileStatement<UserUpdate, User>(
  'users.update',
  sql`update ${users} set
      email = coalesce(${parameter('email')}, email),
      email_verified = coalesce(${parameter('emailVerified')}, email_verified),
      first_name = case when ${parameter('setsFirstName')}::boolean then ${parameter('firstName')} else first_name end,
      last_name = case when ${parameter('setsLastName')}::boolean then ${parameter('lastName')} else last_name end,
      updated_at = now()
    where id = ${parameter('id')}
    returning ${userColumns}`,
);

const updateLastLogin = compileStatement<{ id: string }, User>(
  'users.recordLogin',
  sql`update ${users} set last_login = now() where id = ${parameter('id')} returning ${userColumns}`,
);

const selectPage = compileStatement<{ after: string; limit: number }, User>(
  'users.list',
  sql`select ${userColumns} from ${users} where id > ${parameter('after')} order by id limit ${parameter('limit')}`,
);

const deleteUser = compileStatement<{ id: string }, { id: string }>(
  'users.delete',
  sql`delete from ${users} where id = ${parameter('id')} returning id`,
);

const newUser = z.strictObject({
  id: id.default(() => uuidv7()),
  email,
  emailVerified: z.boolean().default(false),
  firstName: personName.nullable().default(null),
  lastName: personName.nullable().default(null),
});

const changes = z
  .strictObject({
    email: email.optional(),
    emailVerified: z.boolean().optional(),
    firstName: personName.nullish(),
    lastName: personName.nullish(),
  })
  .transform((given) => ({
    email: given.email ?? null,
    emailVerified: given.emailVerified ?? null,
    setsFirstName: given.firstName !== undefined,
    firstName: given.firstName ?? null,
    setsLastName: given.lastName !== undefined,
    lastName: given.lastName ?? null,
  }));

const page = z.strictObject({ limit: limit(200, 50), cursor: cursor.optional() });

const userEmail = z.strictObject({ email });
const userRef = z.strictObject({ userId: id });
const checkId = (operation: string, userId: string) =>
  checkInput(operation, userRef, { userId }).map((input) => ({ id: input.userId }));

export function createUserRepository(executor: Executor): UserRepository {
  return {
    create: (user, options) =>
      checkInput('users.create', newUser, user).asyncAndThen((row) =>
        executor.write(insertUser, row, options).andThen((inserted) => {
          const [created] = inserted;
          if (created !== undefined) return okAsync<User, WriteError>(created);
          return executor.read(selectById, { id: row.id }, options).andThen(([stored]) => {
            if (stored?.email.toLowerCase() === row.email.toLowerCase()) return ok(stored);
            return err(
              storeError('conflict', 'users.create', 'another user has this id', {
                constraint: 'users_pkey',
              }),
            );
          });
        }),
      ),

    findById: (userId, options) =>
      checkId('users.findById', userId)
        .asyncAndThen((params) => executor.read(selectById, params, options))
        .map(firstRow),

    getById: (userId, options) =>
      checkId('users.getById', userId)
        .asyncAndThen((params) => executor.read(selectById, params, options))
        .andThen(firstRowOr('users.getById', 'user')),

    findByEmail: (address, options) =>
      checkInput('users.findByEmail', userEmail, { email: address })
        .asyncAndThen((params) => executor.read(selectByEmail, params, options))
        .map(firstRow),

    update: (userId, given, options) =>
      checkId('users.update', userId)
        .andThen((key) => checkInput('users.update', changes, given).map((set) => ({ ...key, ...set })))
        .asyncAndThen((params) => executor.write(updateUser, params, options))
        .andThen(firstRowOr('users.update', 'user')),

    recordLogin: (userId, options) =>
      checkId('users.recordLogin', userId)
        .asyncAndThen((params) => executor.write(updateLastLogin, params, options))
        .andThen(firstRowOr('users.recordLogin', 'user')),

    list: (given = {}, options) =>
      checkInput('users.list', page, given).asyncAndThen(({ limit: size, cursor: after }) =>
        decodeCursor('users.list', after, BEFORE_LOWEST_IDS)
          .asyncAndThen((start) => executor.read(selectPage, { after: start.id, limit: size + 1 }, options))
          .map((rows) => toPage('users.list', rows, size, (user) => ({ key: user.id, id: user.id }))),
      ),

    delete: (userId, options) =>
      checkId('users.delete', userId)
        .asyncAndThen((params) => executor.write(deleteUser, params, options))
        .map(hasRows),
  };
}
