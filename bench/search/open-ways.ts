import type pg from 'pg';
import type { createMacroStore, MacroStore } from '../../src/index.js';
import { loadPeer } from '../harness/environment.js';
import { openPool } from '../harness/pool.js';
import { adrWay, drizzleWay } from './drizzle-ways.js';
import type { LangChainPeer, MastraSearchPeer, PeerSearch } from './peer-ports.js';
import type { Placement } from './placement.js';
import type { Questions } from './questions.js';
import { LIMIT } from './questions.js';
import { copyToAdr, copyToLangChain, copyToMastra } from './tables.js';
import { emptyWay, rawWay, storeWay, type Way } from './ways.js';

export const DIMENSIONS = 1536;
const LANGCHAIN = { hnsw: 'langchain_search', exact: 'langchain_exact_search' };

export interface WaysOptions {
  readonly createMacroStore: typeof createMacroStore;
  readonly databaseUrl: string;
  readonly poolSize: number;
  readonly placement: Placement;
  readonly questions: Questions;
  /** Hears what the server says to any of them. */
  onNotice?(message: string): void;
}

/** Gives the others tables with the same rows, in the shapes that they have themselves, and their indexes. */
export async function copyToOthers(owner: pg.Client, options: WaysOptions): Promise<void> {
  await copyToAdr(owner);
  const [hnsw, exact, mastra] = await openPeers(options);
  await copyToLangChain(owner, hnsw.tableName);
  await copyToLangChain(owner, exact.tableName);
  await copyToMastra(owner, mastra.tableName);
  await hnsw.buildIndex();
  // LangChain has no such index of its own. With it, it searches exactly, and as fast as it can then.
  await owner.query(`create index on ${exact.tableName} ((metadata->>'user_id'))`);
  await mastra.buildIndex();
  await owner.query('vacuum analyze');
  for (const peer of [hnsw, exact, mastra]) await peer.close();
}

/** All ways of searching, each with a pool of its own. */
export async function openWays(options: WaysOptions): Promise<readonly Way[]> {
  const { databaseUrl, poolSize, placement, questions, onNotice } = options;
  const listenTo = (pool: pg.Pool | null) =>
    pool?.on('connect', (client) => client.on('notice', ({ message }) => onNotice?.(message ?? '')));
  const store = openStore(options);
  listenTo(store.pool);
  const raw = await rawWay(store, placement.classes, questions, poolSize, databaseUrl);
  listenTo(raw.pool);
  const byHand = openPool(databaseUrl, poolSize);
  listenTo(byHand);
  const [hnsw, exact, mastra] = await openPeers(options);
  return [
    storeWay(store),
    raw,
    emptyWay(raw.pool),
    adrWay(byHand, 'its own'),
    adrWay(byHand, 'ours'),
    { ...drizzleWay(byHand), close: () => byHand.end() },
    peerWay('langchain', hnsw),
    peerWay('langchain, exact', exact),
    peerWay('mastra', mastra),
  ];
}

export function openStore({ createMacroStore, databaseUrl, poolSize }: WaysOptions): MacroStore {
  return createMacroStore({ database: { url: databaseUrl, max: poolSize }, redis: false });
}

async function openPeers(options: WaysOptions): Promise<[PeerSearch, PeerSearch, PeerSearch]> {
  const { openLangChain } = await loadPeer<LangChainPeer>('langchain-search.ts');
  const { openMastraSearch } = await loadPeer<MastraSearchPeer>('mastra-search.ts');
  const peer = { ...options, dimensions: DIMENSIONS };
  return [
    await openLangChain({ ...peer, tableName: LANGCHAIN.hnsw }),
    await openLangChain({ ...peer, tableName: LANGCHAIN.exact }),
    await openMastraSearch(peer),
  ];
}

function peerWay(name: string, peer: PeerSearch): Way {
  return {
    name,
    search: ({ numbers, userId }) => peer.search(numbers, userId, LIMIT),
    close: () => peer.close(),
  };
}
