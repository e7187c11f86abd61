import { type OperationStart, observed, type Telemetry } from '../telemetry.js';
import type { Driver, TransactionSession } from './executor.js';

const noRows = () => null;

/** The driver, with each call to it reported; the ends of transactions as operations of their own. */
export function observeDriver(driver: Driver, telemetry: Telemetry): Driver {
  return {
    wire: driver.wire,
    query: (statement, options) =>
      observed(telemetry, startOf(statement), () => driver.query(statement, options), rowCount),
    begin: async (operation, modes, options) => {
      const run = () => driver.begin(operation, modes, options);
      return observeSession(await observed(telemetry, BEGIN, run, noRows), telemetry);
    },
  };
}

function observeSession(session: TransactionSession, telemetry: Telemetry): TransactionSession {
  const { copyIn } = session;
  return {
    query: (statement, options) =>
      observed(telemetry, startOf(statement), () => session.query(statement, options), rowCount),
    copyIn:
      copyIn &&
      ((statement, data, options) =>
        observed(telemetry, startOf(statement), () => copyIn(statement, data, options), noRows)),
    enter: (work) => session.enter(work),
    commit: () => observed(telemetry, COMMIT, () => session.commit(), noRows),
    rollback: () => observed(telemetry, ROLLBACK, () => session.rollback(), noRows),
  };
}

const BEGIN = controlOf('begin');
const COMMIT = controlOf('commit');
const ROLLBACK = controlOf('rollback');

function controlOf(word: string): OperationStart {
  return { system: 'postgresql', operation: `transaction.${word}`, statementText: word };
}

function startOf({ operation, text }: { operation: string; text: string }): OperationStart {
  return { system: 'postgresql', operation, statementText: text };
}

function rowCount({ rows }: { rows: readonly unknown[] }): number {
  return rows.length;
}
