import { channel } from 'node:diagnostics_channel';
import type { Observer, OperationEnd, OperationStart } from '../telemetry.js';

/**
 * What the channels of `node:diagnostics_channel` carry. One object for one operation: it comes on
 * `macro-ai-store:operation:start`, and with the fields of its end on `macro-ai-store:operation:end`.
 */
export type OperationMessage = Pick<OperationStart, 'system' | 'operation'> &
  Partial<Pick<OperationEnd, 'durationMs' | 'returnedRows' | 'errorKind'>>;

const started = channel('macro-ai-store:operation:start');
const ended = channel('macro-ai-store:operation:end');

export function hasSubscribers(): boolean {
  return started.hasSubscribers || ended.hasSubscribers;
}

/** Publishes each operation, while there are subscribers. */
export const publishOperations: Partial<Observer> = {
  operationStarted({ system, operation }): OperationMessage | null {
    if (!hasSubscribers()) return null;
    const message: OperationMessage = { system, operation };
    started.publish(message);
    return message;
  },
  operationEnded({ system, operation, durationMs, returnedRows, errorKind }, message) {
    if (!ended.hasSubscribers) return;
    ended.publish(Object.assign(message ?? { system, operation }, { durationMs, returnedRows, errorKind }));
  },
};
