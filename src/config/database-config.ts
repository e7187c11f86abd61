import type { ConnectionOptions } from 'node:tls';
import type pg from 'pg';
import { z } from 'zod';
import { type Filled, hasMethods, isObject, millis, objectOf, tlsSetting, urlOf } from './checks.js';

/** `none`: a direct connection or session pooling. `transaction`: no named statements, no session settings. */
export type PoolerMode = 'none' | 'transaction';

/** The pool settings we make ourselves, on our own pool; the defaults are in {@link DATABASE_DEFAULTS}. */
export interface ServerDatabaseConfig {
  /** `postgresql://user:password@host:port/database`; `?host=/dir` for a unix socket, `?sslmode=disable` for no TLS. */
  readonly url: string;
  /** Connections at most. */
  readonly max?: number;
  /** Connections opened after the first use and kept while idle. */
  readonly min?: number;
  readonly idleTimeoutMillis?: number;
  /** Bound on opening one connection, and on retrying a server that is just starting. */
  readonly connectionTimeoutMillis?: number;
  /** Bound on the whole wait for a connection: queue and connecting together. */
  readonly acquireTimeoutMillis?: number;
  /** Bound on one statement, kept by the server and, one second later, by us. */
  readonly statementTimeoutMillis?: number;
  /** Callers that may wait for a connection; one more gets `pool-exhausted` at once. */
  readonly maxWaiting?: number;
  /** `true`: verify the server's certificate and name; an object: Node's TLS options; `false`: plain text. Default: plain text on loopback and unix sockets or with `sslmode=disable`, else `true`. */
  readonly tls?: boolean | ConnectionOptions;
  readonly pooler?: PoolerMode;
  /** Where `migrate()` connects, for a service that works through a pooler in transaction mode. Default: `url`. */
  readonly migrationUrl?: string;
}

/** The application's own pool. It is borrowed: never ended by us, and its size and timeouts stay yours. */
export interface BorrowedDatabaseConfig {
  readonly pool: pg.Pool;
  readonly acquireTimeoutMillis?: number;
  readonly statementTimeoutMillis?: number;
  readonly maxWaiting?: number;
  readonly pooler?: PoolerMode;
}

/** PGlite, PostgreSQL in this process: in memory, or kept in a directory. */
export interface EmbeddedDatabaseConfig {
  readonly embedded: true | { readonly dataDir: string };
}

export type DatabaseConfig = ServerDatabaseConfig | BorrowedDatabaseConfig | EmbeddedDatabaseConfig;

export const DATABASE_DEFAULTS = {
  max: 20,
  min: 2,
  idleTimeoutMillis: 30_000,
  connectionTimeoutMillis: 2_000,
  acquireTimeoutMillis: 60_000,
  statementTimeoutMillis: 30_000,
  maxWaiting: 1_000,
  pooler: 'none',
} as const;

type Limits = 'acquireTimeoutMillis' | 'statementTimeoutMillis' | 'maxWaiting' | 'pooler';

export type ResolvedServerDatabase = { readonly kind: 'server' } & Filled<
  ServerDatabaseConfig,
  Limits | 'max' | 'min' | 'idleTimeoutMillis' | 'connectionTimeoutMillis'
>;
export type ResolvedBorrowedDatabase = { readonly kind: 'borrowed' } & Filled<BorrowedDatabaseConfig, Limits>;
export type ResolvedEmbeddedDatabase = { readonly kind: 'embedded'; readonly dataDir: string | null };
export type ResolvedDatabase = ResolvedServerDatabase | ResolvedBorrowedDatabase | ResolvedEmbeddedDatabase;

const postgresUrl = urlOf(['postgres:', 'postgresql:']);

const limits = {
  acquireTimeoutMillis: millis.default(DATABASE_DEFAULTS.acquireTimeoutMillis),
  statementTimeoutMillis: millis.default(DATABASE_DEFAULTS.statementTimeoutMillis),
  maxWaiting: z.int().min(0).default(DATABASE_DEFAULTS.maxWaiting),
  pooler: z.enum(['none', 'transaction']).default(DATABASE_DEFAULTS.pooler),
};

const serverDatabase = z
  .strictObject({
    url: postgresUrl,
    max: z.int().min(1).max(10_000).default(DATABASE_DEFAULTS.max),
    min: z.int().min(0).optional(),
    idleTimeoutMillis: millis.default(DATABASE_DEFAULTS.idleTimeoutMillis),
    connectionTimeoutMillis: millis.default(DATABASE_DEFAULTS.connectionTimeoutMillis),
    ...limits,
    tls: tlsSetting.optional(),
    migrationUrl: postgresUrl.optional(),
  })
  .refine((database) => database.min === undefined || database.min <= database.max, {
    path: ['min'],
    message: 'must not be above database.max',
  })
  // A pool smaller than the default minimum is kept full, not refused.
  .transform((database) => ({
    kind: 'server' as const,
    ...database,
    min: database.min ?? Math.min(DATABASE_DEFAULTS.min, database.max),
  }));

const borrowedDatabase = z
  .strictObject({
    pool: objectOf<pg.Pool>('must be a pg Pool', (value) =>
      hasMethods(value, ['connect', 'on', 'removeListener']),
    ),
    ...limits,
  })
  .transform((database) => ({ kind: 'borrowed' as const, ...database }));

const embeddedDatabase = z
  .strictObject({
    embedded: z.union([z.literal(true), z.strictObject({ dataDir: z.string().min(1) })], {
      error: 'must be true or { dataDir }',
    }),
  })
  .transform(({ embedded }) => ({
    kind: 'embedded' as const,
    dataDir: embedded === true ? null : embedded.dataDir,
  }));

// The branch is chosen by the key that names it, so that a mistake is reported by its own path
// and not as "no branch of the union fits".
export function databaseBranch(value: unknown): [z.ZodType<ResolvedDatabase>, unknown] {
  if (value === undefined) return [embeddedDatabase, { embedded: true }];
  if (isObject(value)) {
    if ('pool' in value) return [borrowedDatabase as z.ZodType<ResolvedBorrowedDatabase>, value];
    if ('embedded' in value) return [embeddedDatabase, value];
  }
  return [serverDatabase as unknown as z.ZodType<ResolvedServerDatabase>, value];
}
