import type { Observer, OperationEnd, OperationStart } from '../telemetry.js';

type OnFailure = (thrown: unknown) => void;

/**
 * Several observers as one. What one of them throws reaches neither the caller of the store nor the others:
 * `onFailure` gets it.
 */
export function combineObservers(observers: readonly Partial<Observer>[], onFailure: OnFailure): Observer {
  // Loops that make nothing but one array: they run in each operation.
  return {
    operationStarted(start: OperationStart): unknown[] {
      const started: unknown[] = [];
      for (const observer of observers) {
        try {
          started.push(observer.operationStarted?.(start));
        } catch (thrown) {
          started.push(undefined);
          onFailure(thrown);
        }
      }
      return started;
    },
    operationEnded(end: OperationEnd, started: unknown): void {
      let index = 0;
      for (const observer of observers) {
        try {
          observer.operationEnded?.(end, (started as unknown[])[index]);
        } catch (thrown) {
          onFailure(thrown);
        }
        index += 1;
      }
    },
    connectionCreated: tellAll(observers, 'connectionCreated', onFailure),
    waitEnded: tellAll(observers, 'waitEnded', onFailure),
    useEnded: tellAll(observers, 'useEnded', onFailure),
    acquireTimedOut: tellAll(observers, 'acquireTimedOut', onFailure),
  };
}

function tellAll(
  observers: readonly Partial<Observer>[],
  method: 'connectionCreated' | 'waitEnded' | 'useEnded' | 'acquireTimedOut',
  onFailure: OnFailure,
): (durationMs?: number) => void {
  const listening = observers.filter((observer) => observer[method] !== undefined);
  return (durationMs = 0) => {
    for (const observer of listening) {
      try {
        observer[method]?.(durationMs);
      } catch (thrown) {
        onFailure(thrown);
      }
    }
  };
}
