import { ok } from 'neverthrow';
import { checkEmbedding } from '../database/embedding.js';
import { checkHalf } from '../database/half.js';
import type { Embedding } from '../database/vector-wire.js';
import { aborted, invalidInput, storeError } from '../errors.js';
import type { EmbeddingShape } from '../schema/embedding-shape.js';
import type { EmbedTexts } from './reembedding.js';

/** Calls the application's function and checks what it gives; rejects with a `StoreError` only. */
export async function embedBatch(
  operation: string,
  embed: EmbedTexts,
  texts: readonly string[],
  { dimensions, column }: EmbeddingShape,
  signal: AbortSignal,
): Promise<readonly Float32Array[]> {
  const embeddings: unknown = await callEmbed(operation, embed, texts, signal);
  if (!Array.isArray(embeddings) || embeddings.length !== texts.length) {
    const message = `must be an array of ${texts.length}, one for each text, and is ${
      Array.isArray(embeddings) ? `of ${embeddings.length}` : 'none'
    }`;
    throw invalidInput(operation, [{ path: 'embeddings', message }]);
  }
  return embeddings.map((embedding: Embedding, index) => {
    const path = `embeddings.${index}`;
    const checked = checkEmbedding(operation, path, embedding, dimensions).andThen((floats) =>
      column === 'vector' ? ok(floats) : checkHalf(operation, path, floats),
    );
    if (checked.isErr()) throw checked.error;
    return checked.value;
  });
}

/** Ends with the signal, whether or not the function heeds it. */
async function callEmbed(
  operation: string,
  embed: EmbedTexts,
  texts: readonly string[],
  signal: AbortSignal,
): Promise<unknown> {
  let onAbort = () => {};
  const stopped = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(aborted(operation));
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([stopped, Promise.resolve().then(() => embed(texts, { signal }))]);
  } catch (thrown) {
    if (signal.aborted) throw aborted(operation);
    const message =
      'the function `embed` threw; what was embedded before is kept, and the same call goes on from there';
    throw storeError('callback-threw', operation, message, {}, thrown);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
