import type { ImportProgress, MacroStore } from '../../src/index.js';
import { builtLibrary } from '../harness/environment.js';
import { watchTurns } from './longest-turn.js';
import type { ProcessRun } from './process-run.js';
import { createOwner, DIMENSIONS, type Owner } from './rows.js';

const SAMPLE_MS = 5;
const BLOCK_ROWS = 20_000;
const MB = 1024 * 1024;

async function run(databaseUrl: string, rows: number): Promise<ProcessRun> {
  const { createMacroStore } = await builtLibrary();
  await using store = createMacroStore({ database: { url: databaseUrl }, redis: false });
  await store.pool?.query('truncate users cascade');
  const owner = await createOwner(store);
  // The first rows find code that is not compiled yet.
  await load(store, owner, 5_000);

  // What blocks the loop does so every time; what else happens on the machine does not.
  const blocks: number[] = [];
  while (blocks.length < 3) {
    const endOfTurns = watchTurns();
    await load(store, owner, BLOCK_ROWS);
    blocks.push(endOfTurns());
  }

  const peak = { heapUsed: 0, external: 0 };
  const timer = setInterval(() => {
    const { heapUsed, external } = process.memoryUsage();
    peak.heapUsed = Math.max(peak.heapUsed, heapUsed);
    peak.external = Math.max(peak.external, external);
  }, SAMPLE_MS);
  await load(store, owner, rows);
  clearInterval(timer);

  let held = 0;
  await load(store, owner, rows, () => {
    globalThis.gc?.();
    held = Math.max(held, process.memoryUsage().heapUsed);
  });
  return {
    rows,
    peakHeapMb: peak.heapUsed / MB,
    heldHeapMb: held / MB,
    peakExternalMb: peak.external / MB,
    longestBlockMs: Math.min(...blocks),
  };
}

async function load(
  store: MacroStore,
  { userId, chatIds }: Owner,
  count: number,
  onProgress?: (progress: ImportProgress) => void,
): Promise<void> {
  // The same for all rows: the heap has no garbage but the import's own.
  const embedding = Array.from({ length: DIMENSIONS }, (_, index) => Math.sin(index + 1));
  function* rows() {
    for (let index = 0; index < count; index += 1) {
      const chatId = chatIds[index % chatIds.length] ?? '';
      yield { userId, chatId, content: `What was said in place ${index}`, embedding };
    }
  }
  (await store.vectors.import(rows(), onProgress && { onProgress }))._unsafeUnwrap();
  await store.pool?.query('truncate chat_vectors');
}

const [databaseUrl = '', rows = ''] = process.argv.slice(2);
process.send?.(await run(databaseUrl, Number(rows)));
process.disconnect?.();
