import { setTimeout as sleep } from 'node:timers/promises';
import { err, errAsync, type Result, ResultAsync } from 'neverthrow';
import { z } from 'zod';
import {
  aborted,
  hasKind,
  isStoreError,
  type ReadErrorKind,
  type StoreError,
  storeError,
  type WriteErrorKind,
} from '../errors.js';
import { checkInput } from '../input.js';
import type { Telemetry } from '../telemetry.js';
import {
  type CallOptions,
  type CopyStatement,
  createExecutor,
  type Driver,
  type Executor,
  settle,
  type TransactionExecutor,
  type TransactionSession,
} from './executor.js';

export type IsolationLevel = 'read committed' | 'repeatable read' | 'serializable';

export interface TransactionOptions extends CallOptions {
  /** Default: the server's, `read committed` unless it was changed. */
  readonly isolationLevel?: IsolationLevel;
  /** Default: `read write`. */
  readonly accessMode?: 'read write' | 'read only';
  /**
   * How long after its start the work may be run again when it lost against a concurrent transaction
   * (serialization failure, deadlock). Default 5,000; 0 runs it once. The work must not have effects
   * outside the transaction.
   */
  readonly retryWithinMs?: number;
}

/** What a transaction can end in, besides the caller's own error. */
export type TransactionError = StoreError<WriteErrorKind | 'callback-threw'>;

/** The work of a transaction: it commits when this resolves to an `Ok`, and rolls back on `Err` and on throw. */
export type Work<Scope, T, E> = (scope: Scope) => PromiseLike<Result<T, E>>;

/** What the work runs on. */
export interface TransactionScope {
  readonly executor: TransactionExecutor;
  /** Sends a statement of any text on this transaction. */
  send: Send;
  /** A savepoint: an inner `Err` or throw undoes the inner work only. */
  nested<T, E>(work: Work<TransactionScope, T, E>): ResultAsync<T, E | TransactionError>;
}

type Send = Driver['query'];

const OPERATION = 'store.transaction';
const MAX_BACKOFF_MS = 500;

const transactionOptions = z.strictObject({
  isolationLevel: z.enum(['read committed', 'repeatable read', 'serializable']).optional(),
  accessMode: z.enum(['read write', 'read only']).optional(),
  retryWithinMs: z.number().min(0).default(5_000),
});

/** The executor of a store: every statement on a connection of the pool, a transaction on one of its own. */
export function createStoreExecutor(driver: Driver, telemetry: Telemetry): Executor {
  return createExecutor(driver.wire, driver.query, (operation, work, options) =>
    runTransaction(driver, telemetry, ({ executor }) => work(executor), options, operation),
  );
}

/**
 * Runs the work in a transaction of its own.
 *
 * Drizzle's `transaction()` commits when its callback resolves to an `Err`, loses the slot when BEGIN
 * fails, and lets a failed ROLLBACK hide the first error; so this is ours.
 */
export function runTransaction<T, E>(
  driver: Driver,
  telemetry: Telemetry,
  work: Work<TransactionScope, T, E>,
  options: TransactionOptions = {},
  operation = OPERATION,
): ResultAsync<T, E | TransactionError> {
  const { signal, ...given } = options;
  const checked = checkInput(operation, transactionOptions, given);
  if (checked.isErr()) return errAsync(checked.error);
  const { isolationLevel, accessMode, retryWithinMs } = checked.value;
  // Both are words of the lists above: BEGIN takes no parameters.
  const modes = [isolationLevel && `isolation level ${isolationLevel}`, accessMode].filter(Boolean).join(' ');
  const callOptions: CallOptions = signal === undefined ? {} : { signal };

  const attempts = async (): Promise<Result<T, E | TransactionError>> => {
    const started = performance.now();
    for (let attempt = 1; ; attempt += 1) {
      const result = await attemptOnce(driver, modes, work, callOptions, operation);
      if (result.isOk() || !hasKind(result.error, 'transaction-conflict')) return result;
      const pause = Math.random() * Math.min(MAX_BACKOFF_MS, 5 * 2 ** attempt);
      if (signal?.aborted || performance.now() + pause - started > retryWithinMs) return result;
      telemetry.event({ type: 'database.transaction-retried', attempt });
      await sleep(pause);
    }
  };
  return new ResultAsync(attempts());
}

async function attemptOnce<T, E>(
  driver: Driver,
  modes: string,
  work: Work<TransactionScope, T, E>,
  options: CallOptions,
  operation: string,
): Promise<Result<T, E | TransactionError>> {
  let session: TransactionSession;
  try {
    session = await driver.begin(operation, modes, options);
  } catch (error) {
    return err(error as TransactionError);
  }
  const open = { isOpen: true };
  const level = new Level(session, driver, options, open, 0);
  const result = await session.enter(() => level.run(work));
  open.isOpen = false;
  if (result.isErr()) {
    await session.rollback();
    return result;
  }
  if (options.signal?.aborted) {
    await session.rollback();
    return err(aborted(operation));
  }
  try {
    await session.commit();
    return result;
  } catch (error) {
    // A statement nobody awaited may have failed after the work was over.
    return err(level.firstError ?? (error as TransactionError));
  }
}

/**
 * One level of a transaction: the transaction itself, or a savepoint in it.
 *
 * It remembers its first failed statement. PostgreSQL refuses every statement after that one, and answers
 * COMMIT with a silent rollback; so do we, by name.
 */
class Level implements TransactionScope {
  readonly executor: TransactionExecutor;
  firstError: TransactionError | null = null;
  private state: 'open' | 'nested' | 'over' = 'open';

  constructor(
    private readonly session: TransactionSession,
    private readonly driver: Driver,
    private readonly options: CallOptions,
    /** Of the transaction, so that inner work which nobody awaited ends with it: its connection goes to others. */
    private readonly transaction: { readonly isOpen: boolean },
    private readonly depth: number,
  ) {
    const executor = createExecutor(
      driver.wire,
      (statement, options) => this.send(statement, options),
      (_operation, work) => this.nested((inner) => work(inner.executor)),
    );
    const { copyIn } = session;
    this.executor = {
      ...executor,
      copyIn:
        copyIn &&
        ((statement, data, options = {}) =>
          settle(this.copy(copyIn, statement, data, options), (nothing) => nothing)),
    };
  }

  /** Runs the work to its end, and turns whatever it did into the one Result that decides. */
  async run<T, E>(work: Work<TransactionScope, T, E>): Promise<Result<T, E | TransactionError>> {
    let result: Result<T, E | TransactionError>;
    try {
      result = await work(this);
    } catch (thrown) {
      // `throw result.error` and `_unsafeUnwrap()` are how a StoreError gets here.
      result = err(isStoreError(thrown) ? (thrown as TransactionError) : callbackThrew(thrown));
    }
    if (this.state === 'nested') {
      // Committed now, the inner work would be half done.
      this.firstError ??= storeError('transaction-ended', OPERATION, 'an inner transaction was not awaited');
    }
    this.state = 'over';
    if (this.firstError === null) return result;
    // An Ok after a failed statement would commit nothing; "an earlier statement failed" and a throw (Drizzle
    // throws what its statements end in) would hide which one did.
    const hidesFirst =
      result.isOk() ||
      hasKind(result.error, 'transaction-ended', 'callback-threw') ||
      hasKind(this.firstError, 'transaction-conflict');
    return hidesFirst ? err(this.firstError) : result;
  }

  async send(...[statement, options]: Parameters<Send>): ReturnType<Send> {
    this.assertOpen(statement.operation);
    return this.sendUnchecked(statement, options);
  }

  private async copy(
    copyIn: NonNullable<TransactionSession['copyIn']>,
    statement: CopyStatement,
    data: readonly Buffer[],
    options: CallOptions,
  ): Promise<void> {
    this.assertOpen(statement.operation);
    return this.attempt(statement.operation, () =>
      copyIn(statement, data, bothSignals(this.options, options)),
    );
  }

  nested<T, E>(work: Work<TransactionScope, T, E>): ResultAsync<T, E | TransactionError> {
    return new ResultAsync(this.runNested(work));
  }

  private async runNested<T, E>(
    work: Work<TransactionScope, T, E>,
  ): Promise<Result<T, E | TransactionError>> {
    const inner = new Level(this.session, this.driver, this.options, this.transaction, this.depth + 1);
    const savepoint = `store_${inner.depth}`;
    try {
      this.assertOpen(OPERATION);
    } catch (error) {
      return err(error as TransactionError);
    }
    // At once, so that a second nested call at the same time is refused too.
    this.state = 'nested';
    try {
      await this.control(`savepoint ${savepoint}`);
      const result = await inner.run(work);
      if (inner.isTransactionLost()) {
        this.firstError ??= inner.firstError;
        return result;
      }
      if (result.isErr()) await this.control(`rollback to savepoint ${savepoint}`);
      await this.control(`release savepoint ${savepoint}`);
      return result;
    } catch (error) {
      return err(inner.firstError ?? (error as TransactionError));
    } finally {
      if (this.state === 'nested') this.state = 'open';
    }
  }

  private control(text: string): Promise<unknown> {
    return this.sendUnchecked({ operation: OPERATION, name: null, text, values: [] }, { access: 'write' });
  }

  private async sendUnchecked(...[statement, options]: Parameters<Send>): ReturnType<Send> {
    return this.attempt(statement.operation, () =>
      this.session.query(statement, { ...options, ...bothSignals(this.options, options) }),
    );
  }

  private async attempt<T>(operation: string, run: () => Promise<T>): Promise<T> {
    if (!this.transaction.isOpen) throw transactionOver(operation);
    try {
      return await run();
    } catch (error) {
      this.firstError ??= error as TransactionError;
      throw error;
    }
  }

  /** A savepoint cannot undo a lost connection, nor a conflict that the whole transaction has to repeat. */
  private isTransactionLost(): boolean {
    return this.firstError !== null && LOSES_TRANSACTION.has(this.firstError.kind);
  }

  private assertOpen(operation: string): void {
    if (this.state === 'over') {
      throw transactionOver(operation);
    }
    if (this.state === 'nested') {
      throw storeError(
        'reentrant-call',
        operation,
        'an inner transaction is open; use the scope it was given',
      );
    }
    if (this.firstError !== null) {
      const first = `${this.firstError.kind} in ${this.firstError.operation}`;
      throw storeError(
        'transaction-ended',
        operation,
        `an earlier statement of this transaction failed: ${first}`,
      );
    }
  }
}

const LOSES_TRANSACTION: ReadonlySet<string> = new Set<ReadErrorKind>([
  'unavailable',
  'transaction-conflict',
]);

function bothSignals({ signal: outer }: CallOptions, { signal: inner }: CallOptions): CallOptions {
  if (outer === undefined || inner === undefined) {
    const signal = outer ?? inner;
    return signal === undefined ? {} : { signal };
  }
  return { signal: AbortSignal.any([outer, inner]) };
}

function transactionOver(operation: string): StoreError<'transaction-ended'> {
  return storeError('transaction-ended', operation, 'its transaction is over; was an await forgotten?');
}

function callbackThrew(thrown: unknown): StoreError<'callback-threw'> {
  const message = 'the function given to transaction() threw, so everything was rolled back';
  return storeError('callback-threw', OPERATION, message, {}, thrown);
}
