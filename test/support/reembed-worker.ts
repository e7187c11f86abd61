// A process of its own that embeds again once: bundled by worker-process.ts, told what to do by its arguments.

import { createMacroStore } from '../../src/create-macro-store.js';
import type { EmbeddingShape } from '../../src/schema/embedding-shape.js';
import { embedWith, type Model } from './embed-text.js';

export interface ReembedWorkerInput {
  readonly url: string;
  readonly from: EmbeddingShape & { readonly model: string };
  readonly to: Model;
  readonly batchSize: number;
  /** Dies by SIGKILL so long after its n-th event, counted from 1. */
  readonly dieAtEvent?: number;
  readonly dieAfterMs?: number;
}

export interface ReembedWorkerOutput {
  readonly pending: number;
  readonly error: string | null;
  readonly events: number;
}

const input = JSON.parse(process.argv[2] ?? '') as ReembedWorkerInput;

// The test is gone, or the work is done.
process.once('disconnect', () => process.exit());

const die = () => process.kill(process.pid, 'SIGKILL');
let events = 0;
const store = createMacroStore({ database: { url: input.url }, embedding: input.from });
const result = await store.vectors.reembed({
  ...input.to,
  batchSize: input.batchSize,
  embed: embedWith(input.to),
  onProgress: () => {
    events += 1;
    if (events !== input.dieAtEvent) return;
    if (input.dieAfterMs === undefined) die();
    else setTimeout(die, input.dieAfterMs);
  },
});
const output: ReembedWorkerOutput = result.match(
  ({ pending }) => ({ pending, error: null, events }),
  (error) => ({ pending: -1, error: `${error.kind}: ${error.message}`, events }),
);
await new Promise((resolve) => process.send?.(output, resolve));
await store.close();
process.disconnect?.();
