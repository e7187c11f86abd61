import type { DedicatedConnection } from '../database/dedicated-connection.js';
import type { ReembedEvent } from './events.js';

/** What every step of a run works with. */
export interface ReembedRun {
  readonly operation: string;
  readonly connection: DedicatedConnection;
  readonly lockWaitMs: number;
  readonly lockTimeoutMs: number;
  readonly retryForMs: number;
  readonly signal: AbortSignal | undefined;
  report(event: ReembedEvent): void;
  assertNotAborted(): void;
}
