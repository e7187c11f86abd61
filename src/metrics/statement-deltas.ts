export interface StatementCounter {
  readonly queryId: string;
  readonly userId: string;
  readonly databaseId: string;
  readonly calls: number;
  readonly totalMs: number;
  readonly rows: number;
}

export interface StatementDelta {
  /** In ms since 1970. */
  readonly since: number;
  readonly wasReset: boolean;
  readonly deltas: readonly StatementCounter[];
}

/** What counters of statements grew by between two readings, whatever the server forgot between them. */
export class StatementDeltas {
  #before: ReadonlyMap<string, StatementCounter> = new Map();
  #readAtMs: number | null = null;
  #resetAtMs: number | null = null;

  next(counters: readonly StatementCounter[], resetAtMs: number, nowMs: number): StatementDelta {
    const isFirst = this.#readAtMs === null;
    const wasReset = !isFirst && this.#resetAtMs !== resetAtMs;
    const before = wasReset ? new Map<string, StatementCounter>() : this.#before;
    const since = wasReset || this.#readAtMs === null ? resetAtMs : this.#readAtMs;

    const deltas = counters.map((counter) => {
      const last = before.get(keyOf(counter));
      // Fewer calls than before: the server has dropped the entry and counts it anew.
      if (last === undefined || counter.calls < last.calls) return counter;
      return {
        ...counter,
        calls: counter.calls - last.calls,
        totalMs: counter.totalMs - last.totalMs,
        rows: counter.rows - last.rows,
      };
    });
    this.#before = new Map(counters.map((counter) => [keyOf(counter), counter]));
    this.#readAtMs = nowMs;
    this.#resetAtMs = resetAtMs;
    return { since, wasReset, deltas };
  }
}

function keyOf({ queryId, userId, databaseId }: StatementCounter): string {
  return `${queryId} ${userId} ${databaseId}`;
}
