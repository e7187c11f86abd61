import type { TelemetryAttributes } from '../config/telemetry-config.js';
import type { OperationEnd } from '../telemetry.js';

/** More than the store has; a bound all the same, since each is a series of its own wherever metrics are kept. */
const MAX_OPERATIONS = 500;
/** What OpenTelemetry calls whatever has no name of its own. */
const OTHER = '_OTHER';

type Named = Pick<OperationEnd, 'system' | 'operation' | 'errorKind'>;
type ByError = Map<OperationEnd['errorKind'], TelemetryAttributes>;

/** Gives the attributes of an operation: the same object for the same ones, so that a series is found by identity. */
export function createOperationAttributes(): (operation: Named) => TelemetryAttributes {
  const known = { postgresql: new Map<string, ByError>(), redis: new Map<string, ByError>() };
  return ({ system, operation: given, errorKind }) => {
    const operations = known[system];
    const operation = operations.has(given) || operations.size < MAX_OPERATIONS ? given : OTHER;
    let byError = operations.get(operation);
    if (byError === undefined) {
      byError = new Map();
      operations.set(operation, byError);
    }
    let attributes = byError.get(errorKind);
    if (attributes === undefined) {
      attributes = {
        'db.system.name': system,
        'db.operation.name': operation,
        ...(errorKind === null ? {} : { 'error.type': errorKind }),
      };
      byError.set(errorKind, attributes);
    }
    return attributes;
  };
}
