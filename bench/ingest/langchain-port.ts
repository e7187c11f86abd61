import type { NewRow } from './rows.js';

/** What the suite uses of LangChain; `bench/peers/langchain-ingest.ts` has it. */
export interface LangChainIngest {
  addVectors(rows: readonly NewRow[], userId: string): Promise<void>;
  buildHnsw(): Promise<void>;
  close(): Promise<void>;
}

export interface LangChainIngestPeer {
  /** Makes its own table. */
  openLangChainIngest(databaseUrl: string, tableName: string, dimensions: number): Promise<LangChainIngest>;
}
