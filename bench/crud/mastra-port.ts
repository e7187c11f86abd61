import type { VectorBatch } from './ways.js';

/** What the suite uses of Mastra; `bench/peers/mastra.ts` has it. */
export interface Mastra {
  saveMessage(message: MastraMessage): Promise<unknown>;
  /** The newest first. */
  listMessages(threadId: string, perPage: number, includeTotal: boolean): Promise<readonly MastraMessage[]>;
  /** Of last activity first. */
  listThreads(resourceId: string, perPage: number): Promise<readonly { readonly id: string }[]>;
  /** The ids. */
  upsertVectors(rows: VectorBatch['rows']): Promise<readonly string[]>;
  close(): Promise<void>;
}

export interface MastraMessage {
  readonly id: string;
  readonly threadId: string;
  readonly resourceId: string;
  readonly text: string;
  readonly createdAt: Date;
}

export interface MastraPeer {
  /** Makes its tables, and a table `mastra_vectors` without an index for searches. */
  openMastra(databaseUrl: string, poolSize: number, dimensions: number): Promise<Mastra>;
}
