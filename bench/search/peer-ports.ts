/** A peer's search, over a table of its own that has the same rows. */
export interface PeerSearch {
  readonly tableName: string;
  /** Builds the HNSW index, once the rows are in. */
  buildIndex(): Promise<void>;
  /** Ids of the user's rows, best first. */
  search(embedding: number[], userId: string, limit: number): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** `onNotice` hears what the server says on the peer's connections. */
export interface PeerOptions {
  readonly databaseUrl: string;
  readonly poolSize: number;
  readonly dimensions: number;
  onNotice?(message: string): void;
}

/** What the suite uses of LangChain; `bench/peers/langchain-search.ts` has it. */
export interface LangChainPeer {
  openLangChain(options: PeerOptions & { readonly tableName: string }): Promise<PeerSearch>;
}

/** What the suite uses of Mastra; `bench/peers/mastra-search.ts` has it. */
export interface MastraSearchPeer {
  openMastraSearch(options: PeerOptions): Promise<PeerSearch>;
}
