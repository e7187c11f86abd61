import { err, ok, type Result, ResultAsync } from 'neverthrow';
import type { ReadError, WriteError } from '../errors.js';
import type { SessionSettings } from './session-settings.js';
import { type BoundStatement, bindStatement, type Statement } from './statement.js';
import type { TransactionError, TransactionOptions } from './transaction.js';
import type { VectorWire } from './vector-wire.js';

/** Every I/O method of the store takes these last. */
export interface CallOptions {
  /** Ends the wait, and the statement on the server. The result is an `aborted` error; nothing was changed. */
  readonly signal?: AbortSignal;
}

/** How a statement travels. */
export interface QueryOptions extends CallOptions {
  /** A change whose connection is lost ends in `outcome-unknown`; a read is tried again. */
  readonly access: 'read' | 'write';
  /** Rows as arrays of the server's own text, for Drizzle, which decodes by itself. */
  readonly raw?: boolean;
  /** In force for this statement alone, in the same round trip where the connection is ours. */
  readonly settings?: SessionSettings;
}

/** For a statement whose plan or index scan needs settings of its own. */
export interface ReadOptions extends CallOptions {
  readonly settings?: SessionSettings;
}

export interface QueryRows {
  readonly rows: readonly unknown[];
}

/**
 * What the pool and the embedded database have in common. All of it rejects with a `StoreError` only.
 */
export interface Driver {
  readonly wire: VectorWire;
  query(statement: BoundStatement, options: QueryOptions): Promise<QueryRows>;
  /** Opens a transaction with the given BEGIN modes, e.g. `isolation level serializable`. */
  begin(operation: string, modes: string, options: CallOptions): Promise<TransactionSession>;
}

/** `COPY … FROM STDIN`. */
export interface CopyStatement {
  readonly operation: string;
  readonly text: string;
}

/** An open transaction on a connection of its own. */
export interface TransactionSession {
  query(statement: BoundStatement, options: QueryOptions): Promise<QueryRows>;
  /**
   * Runs a COPY with the whole of its data, and is done once the server has it all. `null` where the
   * connection has no COPY: the embedded database, and a borrowed client in pg's pipeline mode.
   */
  readonly copyIn:
    | ((statement: CopyStatement, data: readonly Buffer[], options: CallOptions) => Promise<void>)
    | null;
  /** Runs the caller's work so that the driver knows calls made inside it. */
  enter<T>(work: () => Promise<T>): Promise<T>;
  /** Rejects with `outcome-unknown` when the connection goes away meanwhile. */
  commit(): Promise<void>;
  /** Never rejects: what cannot be rolled back politely is cut off. */
  rollback(): Promise<void>;
}

/** What repositories run their statements on: the pool, or one transaction. */
export interface Executor {
  readonly wire: VectorWire;
  read<Params, Row>(
    statement: Statement<Params, Row>,
    params: Params,
    options?: ReadOptions,
  ): ResultAsync<readonly Row[], ReadError>;
  write<Params, Row>(
    statement: Statement<Params, Row>,
    params: Params,
    options?: CallOptions,
  ): ResultAsync<readonly Row[], WriteError>;
  readonly transaction: Transact;
}

/** An executor whose statements are of one transaction. */
export interface TransactionExecutor extends Executor {
  /** As {@link TransactionSession.copyIn}. */
  readonly copyIn:
    | ((
        statement: CopyStatement,
        data: readonly Buffer[],
        options?: CallOptions,
      ) => ResultAsync<void, WriteError>)
    | null;
}

/**
 * Runs the work in a transaction: of its own on the pool, and a savepoint in a transaction, which then does
 * not look at the options.
 */
export type Transact = <T, E>(
  operation: string,
  work: (executor: TransactionExecutor) => PromiseLike<Result<T, E>>,
  options?: Pick<TransactionOptions, 'signal' | 'retryWithinMs'>,
) => ResultAsync<T, E | TransactionError>;

type Send = (statement: BoundStatement, options: QueryOptions) => Promise<QueryRows>;

/** The one place where rejections of a driver become Results. */
export function createExecutor(wire: VectorWire, send: Send, transaction: Transact): Executor {
  const run = <Params, Row, E>(
    access: QueryOptions['access'],
    statement: Statement<Params, Row>,
    params: Params,
    options: ReadOptions | undefined,
  ): ResultAsync<readonly Row[], E> =>
    settle<QueryRows, readonly Row[], E>(
      send(bindStatement(statement, params), { ...options, access }),
      ({ rows }) => rows as Row[],
    );

  return {
    wire,
    read: (statement, params, options) => run('read', statement, params, options),
    write: (statement, params, options) => run('write', statement, params, options),
    transaction,
  };
}

/** A driver rejects with a `StoreError` only. */
export function settle<T, R, E>(running: Promise<T>, toResult: (value: T) => R): ResultAsync<R, E> {
  return new ResultAsync<R, E>(
    running.then(
      (value) => ok(toResult(value)),
      (error) => err(error as E),
    ),
  );
}
