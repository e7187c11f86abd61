/**
 * Every run-time failure of the store: one union told apart by `kind`.
 *
 * Messages, JSON and inspect output name operations, fields, constraints and SQLSTATEs, never values:
 * no parameter, message body, embedding, password or connection string passes this boundary.
 */

/** One field that was refused: where it is, and what it must be. */
export interface InputIssue {
  /** Dotted path of the field, e.g. `limit` or `messages.3.content`. */
  readonly path: string;
  readonly message: string;
}

export type Entity = 'user' | 'chat' | 'message' | 'vector' | 'session' | 'backup';

/** The session that holds the migration lock. What the server hides from this role is `null`. */
export interface LockHolder {
  readonly pid: number;
  readonly applicationName: string | null;
  readonly ageMs: number | null;
}

/**
 * - `other-target`: a re-embedding to another model or shape is under way.
 * - `running`: another process is at it.
 * - `rows-pending`: rows of the previous table are not in the new one yet.
 * - `not-under-way`: there is nothing to drop or give up.
 * - `past-cut-over`: too late to give it up.
 * - `table-in-use`: the table was not free for the moment it takes to exchange it.
 * - `table-extended`: something of the application's own hangs on the table that would be lost with it.
 * - `table-changed`: the table was changed since the re-embedding began.
 */
export type ReembedRefusal =
  | 'other-target'
  | 'running'
  | 'rows-pending'
  | 'not-under-way'
  | 'past-cut-over'
  | 'table-in-use'
  | 'table-extended'
  | 'table-changed';

/**
 * - `running`: another process is backing the database up.
 * - `taken`: another process took the backup of this time already.
 * - `tool-missing`, `tool-too-old`: pg_dump or pg_restore cannot be used with this server.
 * - `not-empty`: the database to restore into has tables.
 * - `key-missing`: the backup is encrypted, and no key is configured.
 */
export type BackupRefusal =
  | 'running'
  | 'taken'
  | 'tool-missing'
  | 'tool-too-old'
  | 'not-empty'
  | 'key-missing'
  | 'locale-missing';

/** Where a backup went wrong: `store`, `read`, `list` and `delete` are the destination's. */
export type BackupStep = 'dump' | 'store' | 'publish' | 'read' | 'list' | 'delete' | 'restore';

/** What of a backup is not as it was taken: its manifest, the stored file, what it decrypts to, or what it restores to. */
export type BackupPart =
  | 'manifest'
  | 'checksum'
  | 'decryption'
  | 'restore'
  | 'counts'
  | 'indexes'
  | 'constraints';

/** The extra fields of each kind; the list of kinds itself. */
export interface StoreErrorFields {
  /** The caller's input, refused before anything was sent, or by a check constraint of the server. */
  'invalid-input': { readonly issues: readonly InputIssue[] };
  /** `row`: of an import, the place in its source, from 0; absent where the server did not tell. */
  'not-found': { readonly entity: Entity; readonly row?: number };
  /**
   * A unique, foreign-key or exclusion constraint, or an index that indexes something else, by its name in the
   * database; of a session `session-version`, `session-epoch` or `sessions-per-user`. `row` as in `not-found`.
   */
  conflict: { readonly constraint: string; readonly row?: number };
  'dimension-mismatch': { readonly expected: number; readonly actual: number };
  /**
   * The database could not be reached, or left before the work was committed: nothing was changed. Of the cache
   * and of sessions: Redis did not confirm it.
   */
  unavailable: { readonly sqlState?: string };
  /** The server ended the statement, or did not answer in time. `timeoutMs` where we know it. */
  timeout: { readonly timeoutMs?: number };
  'pool-exhausted': { readonly reason: 'acquire-timeout' | 'queue-full' };
  aborted: object;
  /** The connection went away after a change was sent. It may or may not be there: look before you repeat it. */
  'outcome-unknown': object;
  /** Serialization failure or deadlock that outlived its retries, or the cut-over of a re-embedding meanwhile. */
  'transaction-conflict': object;
  /** A statement on a transaction that is over, or whose earlier statement failed. */
  'transaction-ended': object;
  /** A call that would wait for itself: outside calls on the embedded database during a transaction, or the outer scope during a nested one. */
  'reentrant-call': object;
  /** The caller's own function threw; the thrown value is in {@link unredactedCauseOf}. */
  'callback-threw': object;
  /**
   * An import with `hnsw: 'rebuild'` could not drop the index, and loaded nothing, or could not build it
   * again; the reason is the `cause`. `rows` are stored, and searches are right without the index.
   * `loadError`: why the load itself stored nothing.
   */
  'hnsw-switch-failed': {
    readonly step: 'drop' | 'rebuild';
    readonly rows: number;
    readonly loadError: StoreError | null;
  };
  /** A cache loader threw; the thrown value is in {@link unredactedCauseOf}. */
  'loader-failed': object;
  'not-migrated': object;
  'read-only': object;
  'permission-denied': { readonly sqlState?: string };
  closed: object;
  internal: { readonly sqlState?: string };

  /** The pgvector extension is not there, is too old, is out of sight, or may not be created by this role. */
  'extension-missing': {
    readonly reason: 'not-installed' | 'not-permitted' | 'too-old' | 'not-on-search-path';
  };
  /** A pooler in transaction mode is between us and the server: session locks do not hold there. */
  'pooler-refused': object;
  'migration-lock-timeout': { readonly holder: LockHolder | null };
  /** An applied migration's SQL differs from ours. */
  'migration-edited': { readonly migrationIds: readonly string[] };
  /** The database has an older migration that this package does not ship. */
  'migration-missing': { readonly migrationIds: readonly string[] };
  /** A migration of ours is not applied although a later one is. */
  'migration-out-of-order': { readonly migrationIds: readonly string[] };
  /** The database was migrated by a newer release. */
  'migration-unknown-newer': { readonly migrationIds: readonly string[] };
  /** Tables of our names exist, and nothing tells which migrations made them. */
  'migration-unmanaged-tables': { readonly tables: readonly string[] };
  /** A re-embedding that does not go on as things stand; `reason` says why, and the message what to do. */
  'reembed-refused': { readonly reason: ReembedRefusal };
  'migration-failed': { readonly migrationId: string; readonly step: number; readonly sqlState?: string };
  /** A backup or restore that does not begin as things stand; the message says what to do. */
  'backup-refused': { readonly reason: BackupRefusal };
  /** A backup that was not taken, and of which nothing is published; or a restore of which nothing is kept. */
  'backup-failed': { readonly step: BackupStep };
  /** A stored backup that is not as it was taken: take another one, and look at the destination. */
  'backup-damaged': { readonly part: BackupPart };
}

export type StoreErrorKind = keyof StoreErrorFields;

/**
 * A failure of the store. `StoreError<'not-found' | 'timeout'>` is the subset with those kinds,
 * so that `switch (error.kind)` can end with `error satisfies never`.
 *
 * The value is a real `Error` with a stack. `cause` names the driver's error without its text;
 * the original is in {@link unredactedCauseOf}.
 */
export type StoreError<Kind extends StoreErrorKind = StoreErrorKind> = {
  [K in Kind]: Error & {
    readonly name: 'StoreError';
    readonly kind: K;
    /** What was asked, as `room.method`, e.g. `messages.append`. */
    readonly operation: string;
    /** Whether the same call may succeed later without any change. */
    readonly retryable: boolean;
  } & StoreErrorFields[K];
}[Kind];

/** What any statement can end in. */
export type ReadErrorKind =
  | 'unavailable'
  | 'timeout'
  | 'pool-exhausted'
  | 'aborted'
  | 'transaction-conflict'
  | 'transaction-ended'
  | 'reentrant-call'
  | 'not-migrated'
  | 'permission-denied'
  | 'closed'
  | 'internal';

/** What a statement that changes rows can end in. */
export type WriteErrorKind = ReadErrorKind | 'conflict' | 'invalid-input' | 'outcome-unknown' | 'read-only';

export type InvalidInputError = StoreError<'invalid-input'>;
export type NotFoundError = StoreError<'not-found'>;
export type DimensionMismatchError = StoreError<'dimension-mismatch'>;
export type ReadError = StoreError<ReadErrorKind>;
export type WriteError = StoreError<WriteErrorKind>;

const RETRYABLE: ReadonlySet<StoreErrorKind> = new Set<StoreErrorKind>([
  'unavailable',
  'timeout',
  'pool-exhausted',
  'transaction-conflict',
  'migration-lock-timeout',
  'backup-failed',
]);

// A WeakMap and not a property: inspect() with showHidden, structuredClone and loggers walk properties.
const originals = new WeakMap<object, unknown>();

class StoreErrorValue extends Error {
  override readonly name = 'StoreError';
  readonly kind: StoreErrorKind;
  readonly operation: string;
  readonly retryable: boolean;

  constructor(kind: StoreErrorKind, operation: string, message: string, fields: object, cause: unknown) {
    super(`${operation}: ${message}`, cause === undefined ? undefined : { cause: redactedCause(cause) });
    this.kind = kind;
    this.operation = operation;
    this.retryable = RETRYABLE.has(kind);
    Object.assign(this, fields);
    if (cause !== undefined) originals.set(this, cause);
  }

  toJSON(): object {
    return { ...this, message: this.message };
  }
}

// What stacks and inspect() call it; the type of that name is the union above.
Object.defineProperty(StoreErrorValue, 'name', { value: 'StoreError' });

/** Makes a {@link StoreError}; `message` must not hold values. */
export function storeError<K extends StoreErrorKind>(
  kind: K,
  operation: string,
  message: string,
  ...[fields, cause]: object extends StoreErrorFields[K]
    ? [fields?: StoreErrorFields[K], cause?: unknown]
    : [fields: StoreErrorFields[K], cause?: unknown]
): StoreError<K> {
  return new StoreErrorValue(kind, operation, message, fields ?? {}, cause) as unknown as StoreError<K>;
}

/** Tells by shape, so that it also holds for errors of a second copy of this package. */
export function isStoreError(value: unknown): value is StoreError {
  return value instanceof Error && value.name === 'StoreError' && 'kind' in value && 'operation' in value;
}

/** Whether the value is a {@link StoreError} of one of these kinds. */
export function hasKind(value: unknown, ...kinds: readonly StoreErrorKind[]): boolean {
  return isStoreError(value) && kinds.includes(value.kind);
}

/**
 * The driver's or callback's own error behind a {@link StoreError}, or `undefined`.
 * It may hold row values and connection details: for a debugger, not for a log.
 */
export function unredactedCauseOf(error: object): unknown {
  return originals.get(error);
}

const SAFE_CAUSE_FIELDS = [
  'code',
  'severity',
  'schema',
  'table',
  'column',
  'constraint',
  'routine',
  'syscall',
] as const;

/** Names and codes of an error, without its message, detail, hint, position or query. */
function redactedCause(cause: unknown): object {
  if (isStoreError(cause)) return cause;
  if (typeof cause !== 'object' || cause === null) return { name: typeof cause };
  const source = cause as Record<string, unknown>;
  const summary: Record<string, string> = {
    name: cause instanceof Error ? cause.constructor.name : 'object',
  };
  for (const field of SAFE_CAUSE_FIELDS) {
    const value = source[field];
    if (typeof value === 'string') summary[field] = value;
  }
  return summary;
}

/** An error for a refused input, with every refused field. */
export function invalidInput(
  operation: string,
  issues: readonly InputIssue[],
  cause?: unknown,
): StoreError<'invalid-input'> {
  const list = issues.map((issue) => `${issue.path} ${issue.message}`).join('; ');
  return storeError('invalid-input', operation, `invalid input: ${list}`, { issues }, cause);
}

/** The caller's signal fired. */
export function aborted(operation: string, cause?: unknown): StoreError<'aborted'> {
  return storeError('aborted', operation, 'aborted by its signal', {}, cause);
}

const ENTITY_HINT: Record<Entity, string> = {
  user: 'no user has this id',
  chat: 'no chat of this user has this id',
  message: 'no message of this chat and user has this id',
  vector: 'no vector of this user has this id',
  backup: 'there is no backup of this id',
  session: 'this token is not that of a session, or the session has ended',
};

export function notFound(operation: string, entity: Entity, row?: number): StoreError<'not-found'> {
  if (row === undefined) return storeError('not-found', operation, ENTITY_HINT[entity], { entity });
  return storeError('not-found', operation, `${ENTITY_HINT[entity]}: rows.${row}`, { entity, row });
}
