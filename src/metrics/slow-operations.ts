import type { Observer, StoreEvent } from '../telemetry.js';

/** Reports each operation that took as long as this, or longer, by its statement without values. */
export function reportSlowOperations(
  thresholdMs: number,
  report: (event: StoreEvent) => void,
  statementTextOf: (text: string) => string,
): Partial<Observer> {
  return {
    operationEnded({ system, operation, statementText, durationMs, returnedRows, errorKind }) {
      if (durationMs < thresholdMs) return;
      report({
        type: 'operation.slow',
        system,
        operation,
        durationMs: Math.round(durationMs * 100) / 100,
        returnedRows,
        errorKind,
        statementText: statementText === null ? null : statementTextOf(statementText),
      });
    },
  };
}
