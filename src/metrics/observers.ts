import type { Observer, OperationEnd, OperationStart } from '../telemetry.js';

/**
 * Several observers as one. What one of them throws reaches neither the caller of the store nor the others:
 * `onFailure` gets it.
 */
export class Observers implements Observer {
  readonly #observers: readonly Partial<Observer>[];
  readonly #onFailure: (thrown: unknown) => void;

  constructor(observers: readonly Partial<Observer>[], onFailure: (thrown: unknown) => void) {
    this.#observers = observers;
    this.#onFailure = onFailure;
  }

  operationStarted(start: OperationStart): unknown[] {
    return this.#observers.map((observer) => this.#guarded(() => observer.operationStarted?.(start)));
  }

  operationEnded(end: OperationEnd, started: unknown): void {
    const each = started as unknown[];
    this.#observers.forEach((observer, index) => {
      this.#guarded(() => observer.operationEnded?.(end, each[index]));
    });
  }

  connectionCreated(durationMs: number): void {
    this.#tell((observer) => observer.connectionCreated?.(durationMs));
  }

  waitEnded(durationMs: number): void {
    this.#tell((observer) => observer.waitEnded?.(durationMs));
  }

  useEnded(durationMs: number): void {
    this.#tell((observer) => observer.useEnded?.(durationMs));
  }

  acquireTimedOut(): void {
    this.#tell((observer) => observer.acquireTimedOut?.());
  }

  #tell(report: (observer: Partial<Observer>) => void): void {
    for (const observer of this.#observers) this.#guarded(() => report(observer));
  }

  #guarded<T>(report: () => T): T | undefined {
    try {
      return report();
    } catch (thrown) {
      this.#onFailure(thrown);
      return undefined;
    }
  }
}
