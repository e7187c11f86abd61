import type { Observer, OperationEnd, OperationStart } from '../telemetry.js';

type OnFailure = (thrown: unknown) => void;

/**
 * Several observers as one. What one of them throws reaches neither the caller of the store nor the others:
 * `onFailure` gets it.
 */
export function combineObservers(observers: readonly Partial<Observer>[], onFailure: OnFailure): Observer {
  const starting = observers.flatMap(({ operationStarted }) => operationStarted ?? []);
  // What each of them gave stands at the place of its beginning; -1: it only hears of ends.
  const ending = observers.flatMap(({ operationStarted, operationEnded }) => {
    if (operationEnded === undefined) return [];
    return { end: operationEnded, place: operationStarted ? starting.indexOf(operationStarted) : -1 };
  });
  // Loops that make nothing but one array: they run in each operation.
  return {
    operationStarted(start: OperationStart): unknown[] {
      const started: unknown[] = [];
      for (const begin of starting) {
        try {
          started.push(begin(start));
        } catch (thrown) {
          started.push(undefined);
          onFailure(thrown);
        }
      }
      return started;
    },
    operationEnded(end: OperationEnd, started: unknown): void {
      for (const { end: hear, place } of ending) {
        try {
          hear(end, place < 0 ? undefined : (started as unknown[])[place]);
        } catch (thrown) {
          onFailure(thrown);
        }
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
