import { ResultAsync } from 'neverthrow';
import type { Executor, TransactionExecutor } from '../../src/database/executor.js';
import { storeError } from '../../src/errors.js';

/** A statement that waits. */
export interface HeldStatement {
  /** When it has come to where it waits. */
  readonly reached: Promise<void>;
  release(): void;
}

/** An executor whose statements wait or fail where a test says so. */
export interface GatedExecutor {
  readonly executor: Executor;
  /** Holds the next statement of this operation, before it is sent or before its answer is handed over. */
  hold(operation: string, where: 'before' | 'after'): HeldStatement;
  /** From now on every statement fails as on a database that is out of reach. `false`: no longer. */
  failAll(isFailing: boolean): void;
}

interface Gate {
  readonly operation: string;
  readonly where: 'before' | 'after';
  arrive(): void;
  readonly opened: Promise<void>;
}

export function gatedExecutor(executor: Executor): GatedExecutor {
  const gates: Gate[] = [];
  let isFailing = false;

  async function pass(operation: string, where: Gate['where']): Promise<void> {
    const at = gates.findIndex((gate) => gate.operation === operation && gate.where === where);
    const [gate] = at < 0 ? [] : gates.splice(at, 1);
    gate?.arrive();
    await gate?.opened;
  }

  function gated<T, E>(operation: string, send: () => ResultAsync<T, E>): ResultAsync<T, E> {
    const run = async () => {
      await pass(operation, 'before');
      if (isFailing) throw storeError('unavailable', operation, 'out of reach by order of the test');
      const result = await send();
      await pass(operation, 'after');
      return result.match(
        (value) => value,
        (error) => {
          throw error;
        },
      );
    };
    return ResultAsync.fromPromise(run(), (error) => error as E);
  }

  const wrap = <Inner extends Executor>(inner: Inner): Inner => ({
    ...inner,
    read: (statement, params, options) =>
      gated(statement.operation, () => inner.read(statement, params, options)),
    write: (statement, params, options) =>
      gated(statement.operation, () => inner.write(statement, params, options)),
    transaction: (operation, work, options) =>
      inner.transaction(operation, (scope: TransactionExecutor) => work(wrap(scope)), options),
  });

  return {
    executor: wrap(executor),
    hold(operation, where) {
      let arrive = () => {};
      let release = () => {};
      const reached = new Promise<void>((resolve) => {
        arrive = resolve;
      });
      const opened = new Promise<void>((resolve) => {
        release = resolve;
      });
      gates.push({ operation, where, arrive: () => arrive(), opened });
      return { reached, release: () => release() };
    },
    failAll(failing) {
      isFailing = failing;
    },
  };
}
