import { Embeddings } from '@langchain/core/embeddings';

/** The vectors are there before; nothing is embedded. */
export class NoEmbeddings extends Embeddings {
  embedDocuments(): Promise<number[][]> {
    throw new Error('nothing is embedded here');
  }
  embedQuery(): Promise<number[]> {
    throw new Error('nothing is embedded here');
  }
}
