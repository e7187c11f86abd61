import type { TelemetrySpan, TelemetryTracer } from '../config/telemetry-config.js';
import type { Observer } from '../telemetry.js';

const CLIENT = 2;
const ERROR = 2;

/** A span for each operation: begun with it, so that its parent is whatever is active there. */
export function traceOperations(
  tracer: TelemetryTracer,
  statementTextOf: (text: string) => string,
): Partial<Observer> {
  return {
    operationStarted: ({ system, operation, statementText }) =>
      tracer.startSpan(operation, {
        kind: CLIENT,
        attributes: {
          'db.system.name': system,
          'db.operation.name': operation,
          ...(statementText === null ? {} : { 'db.query.text': statementTextOf(statementText) }),
        },
      }),
    operationEnded({ returnedRows, errorKind }, started) {
      const span = started as TelemetrySpan;
      if (returnedRows !== null) span.setAttribute('db.response.returned_rows', returnedRows);
      if (errorKind !== null) {
        span.setAttribute('error.type', errorKind);
        span.setStatus({ code: ERROR });
      }
      span.end();
    },
  };
}
