import { monitorEventLoopDelay } from 'node:perf_hooks';
import { loadLibrary } from '../harness/environment.js';
import { createOwner, DIMENSIONS } from './rows.js';

/** What one import did to the process that ran it. */
export interface HeapRun {
  readonly rows: number;
  readonly peakHeapMb: number;
  /** Buffers, which are outside of the heap. */
  readonly peakExternalMb: number;
  readonly peakRssMb: number;
  /** The longest that nothing else had its turn. */
  readonly longestBlockMs: number;
}

const SAMPLE_MS = 5;
const MB = 1024 * 1024;

/** Runs in a process of its own, so that nothing else is in the heap. */
async function run(databaseUrl: string, rows: number): Promise<HeapRun> {
  const { createMacroStore } = await loadLibrary();
  await using store = createMacroStore({ database: { url: databaseUrl }, redis: false });
  await store.pool?.query('truncate users cascade');
  const { userId, chatIds } = await createOwner(store);
  const embedding = Array.from({ length: DIMENSIONS }, (_, index) => Math.sin(index + 1));
  function* source(count: number) {
    for (let index = 0; index < count; index += 1) {
      // An array of its own for each row, as from a service.
      const chatId = chatIds[index % chatIds.length] ?? '';
      yield { userId, chatId, content: `What was said in place ${index}`, embedding: embedding.slice() };
    }
  }
  // The first rows find code that is not compiled yet.
  (await store.vectors.import(source(2_000)))._unsafeUnwrap();

  const peak = { heapUsed: 0, external: 0, rss: 0 };
  const sample = () => {
    const now = process.memoryUsage();
    for (const name of ['heapUsed', 'external', 'rss'] as const) peak[name] = Math.max(peak[name], now[name]);
  };
  const timer = setInterval(sample, SAMPLE_MS);
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  (await store.vectors.import(source(rows)))._unsafeUnwrap();
  delay.disable();
  clearInterval(timer);
  sample();
  return {
    rows,
    peakHeapMb: peak.heapUsed / MB,
    peakExternalMb: peak.external / MB,
    peakRssMb: peak.rss / MB,
    longestBlockMs: delay.max / 1e6,
  };
}

const [databaseUrl = '', rows = ''] = process.argv.slice(2);
process.send?.(await run(databaseUrl, Number(rows)));
process.disconnect?.();
