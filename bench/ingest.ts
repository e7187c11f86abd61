import type { MacroStore } from '../src/index.js';
import { runAll } from './crud/data.js';
import { openTextInsert } from './crud/text-insert.js';
import { loadLibrary, loadPeer, openEnvironment, versionOf } from './harness/environment.js';
import { type Measurement, measure } from './harness/measure.js';
import { atLeast, type Gate, type Report, ratioOf, timingsOf } from './harness/report.js';
import type { LangChainIngest, LangChainIngestPeer } from './ingest/langchain-port.js';
import { type ProcessRun, runInProcess } from './ingest/process-run.js';
import { recallOfCodes } from './ingest/recall.js';
import { createOwner, DIMENSIONS, type NewRow, type Owner, readTurns, type Turns } from './ingest/rows.js';
import { openServerCopy, type ServerCopy } from './ingest/server-copy.js';

/** How fast rows get in, and what it costs the process that brings them. */
export const name = 'ingest';

const SIZES = { load: 10_000, batch: 500, graph: 4_000, loadWithHnsw: 500 };
const PROCESS_ROWS = [10_000, 50_000, 200_000];
const LONGEST_BLOCK_MS = 10;
/** Of the heap at the most rows to that at the fewest; what grew with the rows would grow twentyfold. */
const FLAT = 1.25;

interface Ways {
  readonly store: MacroStore;
  readonly langchain: LangChainIngest;
  readonly textInsert: ReturnType<typeof openTextInsert>;
  readonly serverCopy: ServerCopy;
  readonly owner: Owner;
  readonly turns: Turns;
  readonly databaseUrl: string;
}

export async function run(): Promise<Report> {
  await using environment = await openEnvironment();
  const { databaseUrl } = environment;
  const { createMacroStore } = await loadLibrary();
  const { openLangChainIngest } = await loadPeer<LangChainIngestPeer>('langchain-ingest.ts');

  await using store = createMacroStore({ database: { url: databaseUrl }, redis: false });
  (await store.migrate({ hnsw: 'skip' }))._unsafeUnwrap();
  const owner = await createOwner(store);
  const ways: Ways = {
    store,
    langchain: await openLangChainIngest(databaseUrl, 'langchain_vectors', DIMENSIONS),
    textInsert: openTextInsert(databaseUrl, 1),
    serverCopy: await openServerCopy(databaseUrl),
    owner,
    turns: readTurns(owner),
    databaseUrl,
  };

  const without = await measureWithout(ways);
  const recall = await measureRecall(ways);
  const withHnsw = await measureWith(ways);
  for (const way of [ways.langchain, ways.textInsert, ways.serverCopy]) await way.close();
  await runAll(databaseUrl, ['drop index idx_chat_vectors_embedding_hnsw']);
  const processes: ProcessRun[] = [];
  for (const rows of PROCESS_ROWS) processes.push(await runInProcess(databaseUrl, rows));

  const langchainGain = ratioOf(without, 'langchain', 'import', 'highest');
  const shareOfServer = ratioOf(without, 'server COPY', 'import', 'highest');
  const held = processes.map(({ heldHeapMb }) => heldHeapMb);
  const flatness = (held.at(-1) ?? Number.NaN) / (held[0] ?? Number.NaN);
  const longestBlockMs = Math.max(...processes.map((one) => one.longestBlockMs));
  const searchable = rowsPerSecond(without, 'import', SIZES.load);
  const kept = rowsPerSecond(withHnsw, 'import', SIZES.loadWithHnsw);
  return {
    suite: name,
    data: { turns: ways.turns.source, dimensions: DIMENSIONS, ...SIZES, ...eachOf(processes) },
    versions: {
      ...environment.versions,
      pg: versionOf('pg'),
      '@langchain/community': versionOf('@langchain/community', 'peers'),
    },
    results: [
      ...timingsOf(without).map((timing) => ({
        rowsPerSecond: perSecond(SIZES.load, timing.p50Ms),
        ...timing,
      })),
      ...timingsOf(withHnsw).map((timing) => ({
        rowsPerSecond: perSecond(SIZES.loadWithHnsw, timing.p50Ms),
        ...timing,
      })),
    ],
    ratios: [
      langchainGain,
      shareOfServer,
      ratioOf(without, 'insertMany', 'import', 'highest'),
      ratioOf(without, 'multi-row text', 'import', 'highest'),
      ratioOf(withHnsw, 'langchain', 'import', 'highest'),
      ratioOf(withHnsw, 'server COPY', 'import', 'highest'),
    ],
    gates: [
      atLeast(langchainGain, 10),
      atLeast(shareOfServer, 0.9),
      gate('recall@10 by codes, right after the load', recall, '≥ 0.99', recall >= 0.99),
      gate(
        'searchable rows a second: codes ÷ HNSW kept up',
        searchable / kept,
        '≥ 30',
        searchable / kept >= 30,
      ),
      gate('heap held, 200,000 ÷ 10,000 rows', flatness, `≤ ${FLAT}`, flatness <= FLAT),
      gate(
        'longest block of the event loop, ms',
        longestBlockMs,
        `≤ ${LONGEST_BLOCK_MS}`,
        longestBlockMs <= LONGEST_BLOCK_MS,
      ),
    ],
  };
}

const gate = (what: string, value: number, goal: string, pass: boolean): Gate => ({
  name: what,
  value,
  goal,
  pass,
});
const perSecond = (rows: number, ms: number) => Math.round((rows * 1_000) / ms);

/** What the processes tell, in the order of their rows. */
function eachOf(processes: readonly ProcessRun[]): Record<string, string> {
  const each = (figure: keyof ProcessRun) => processes.map((one) => Math.round(one[figure])).join(' / ');
  return {
    importedInAProcess: each('rows'),
    heldHeapMb: each('heldHeapMb'),
    peakHeapMb: each('peakHeapMb'),
    peakExternalMb: each('peakExternalMb'),
    longestBlockMs: each('longestBlockMs'),
  };
}

/** By the median of all calls. */
function rowsPerSecond(measurement: Measurement, candidate: string, rows: number): number {
  const timing = timingsOf(measurement).find((one) => one.candidate === candidate);
  return (rows * 1_000) / (timing?.p50Ms ?? Number.NaN);
}

/** A load into the store's table, or LangChain's, each without HNSW; empty again after each step. */
async function measureWithout(ways: Ways): Promise<Measurement> {
  const { store, owner, turns, serverCopy, databaseUrl } = ways;
  const rows = turns.rows(SIZES.load);
  await importRows(store, owner, rows);
  const copy = await serverCopy.take(SIZES.load);
  const clear = () => runAll(databaseUrl, ['truncate chat_vectors, langchain_vectors', 'checkpoint']);
  await clear();
  return measure({
    name: `${SIZES.load} rows, no HNSW`,
    input: () => rows,
    steps: 2,
    warmUp: 1,
    candidates: [...candidates(ways), { name: 'server COPY', run: copy }],
    afterStep: clear,
  });
}

/**
 * A load on top of a graph of 4,000 rows, which grows with every step. Every load has turns of its own: a
 * vector that the graph has already is put in at no cost.
 */
async function measureWith(ways: Ways): Promise<Measurement> {
  const { store, owner, turns, serverCopy, langchain, databaseUrl } = ways;
  const steps = 4;
  const ofOurs = candidates(ways);
  const loads = ofOurs.length + 1;
  const rowsOf = (step: number, candidate: number) =>
    turns.rows(SIZES.loadWithHnsw, SIZES.graph + (step * loads + candidate) * SIZES.loadWithHnsw);
  const copies: (() => Promise<void>)[] = [];
  for (let step = 0; step < steps; step += 1) {
    await importRows(store, owner, rowsOf(step, ofOurs.length));
    copies.push(await serverCopy.take(SIZES.loadWithHnsw));
  }
  await runAll(databaseUrl, ['truncate chat_vectors, langchain_vectors']);
  const graph = turns.rows(SIZES.graph);
  await importRows(store, owner, graph);
  (await store.migrate({ hnsw: 'build' }))._unsafeUnwrap();
  await langchain.addVectors(graph, owner.userId);
  await langchain.buildHnsw();
  return measure({
    name: `${SIZES.loadWithHnsw} rows, HNSW kept up`,
    input: (step) => step,
    steps: 1,
    warmUp: 1,
    candidates: [
      ...ofOurs.map(({ name: candidate, run: load }, index) => ({
        name: candidate,
        run: (step: number) => load(rowsOf(step, index)),
      })),
      {
        name: 'server COPY',
        run: (step: number) => copies[step]?.() ?? Promise.reject(new Error('no file is left')),
      },
    ],
  });
}

function candidates({ store, owner, langchain, textInsert }: Ways) {
  const { userId } = owner;
  return [
    { name: 'import', run: (rows: readonly NewRow[]) => importRows(store, owner, rows) },
    {
      name: 'insertMany',
      run: (rows: readonly NewRow[]) =>
        inBatches(rows, async (vectors) =>
          (await store.vectors.insertMany({ userId, vectors }))._unsafeUnwrap(),
        ),
    },
    { name: 'langchain', run: (rows: readonly NewRow[]) => langchain.addVectors(rows, userId), every: 2 },
    {
      name: 'multi-row text',
      run: (rows: readonly NewRow[]) =>
        inBatches(rows, (batch) => textInsert.insertVectors({ userId, rows: batch })),
      every: 2,
    },
  ];
}

async function importRows(store: MacroStore, { userId }: Owner, rows: readonly NewRow[]): Promise<void> {
  function* source() {
    for (const row of rows) yield { userId, ...row };
  }
  (await store.vectors.import(source()))._unsafeUnwrap();
}

async function inBatches(
  rows: readonly NewRow[],
  insert: (batch: readonly NewRow[]) => Promise<unknown>,
): Promise<void> {
  for (let from = 0; from < rows.length; from += SIZES.batch) {
    await insert(rows.slice(from, from + SIZES.batch));
  }
}

/** Of the rows of one load, nothing done to them since. */
async function measureRecall({ store, owner, turns, databaseUrl }: Ways): Promise<number> {
  await importRows(store, owner, turns.rows(SIZES.load));
  const recall = await recallOfCodes(store, owner.userId, turns.queries);
  await runAll(databaseUrl, ['truncate chat_vectors']);
  return recall;
}
