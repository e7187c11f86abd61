// A process of its own that rebuilds the HNSW index: bundled by worker-process.ts, told what to do by its arguments.

import { createMacroStore } from '../../src/create-macro-store.js';
import type { EmbeddingShape } from '../../src/schema/embedding-shape.js';
import type { VectorIndexEvent } from '../../src/vector-index/vector-index-event.js';

export interface IndexWorkerInput {
  readonly url: string;
  readonly embedding: EmbeddingShape;
  /** Dies by SIGKILL inside its first event of this type. */
  readonly dieAt: VectorIndexEvent['type'] | null;
}

const { url, embedding, dieAt } = JSON.parse(process.argv[2] ?? '') as IndexWorkerInput;

// The test is gone, or the work is done.
process.once('disconnect', () => process.exit());

const store = createMacroStore({ database: { url }, embedding });
const result = await store.vectors.index.rebuild('hnsw', {
  onProgress: ({ type }) => {
    if (type === dieAt) process.kill(process.pid, 'SIGKILL');
  },
});
await new Promise((resolve) => process.send?.(result.isOk() ? 'done' : result.error.kind, resolve));
process.disconnect?.();
