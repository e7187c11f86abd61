import type { TelemetryAttributes } from '../config/telemetry-config.js';
import type { OperationEnd } from '../telemetry.js';

/** More than the store has; a bound all the same, since each is a series of its own wherever metrics are kept. */
const MAX_OPERATIONS = 500;
/** What OpenTelemetry calls whatever has no name of its own. */
const OTHER = '_OTHER';

type Named = Pick<OperationEnd, 'system' | 'operation' | 'errorKind'>;

/** Gives the attributes of an operation: the same object for the same ones, so that a series is found by identity. */
export function createOperationAttributes(): (operation: Named) => TelemetryAttributes {
  const known = new Map<string, Map<string | null, TelemetryAttributes>>();
  return ({ system, operation: given, errorKind }) => {
    let key = `${system} ${given}`;
    let operation = given;
    if (!known.has(key) && known.size >= MAX_OPERATIONS) {
      operation = OTHER;
      key = `${system} ${OTHER}`;
    }
    let byError = known.get(key);
    if (byError === undefined) {
      byError = new Map();
      known.set(key, byError);
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
