import { createHash } from 'node:crypto';
import type { EmbedTexts } from '../../src/reembed/reembedding.js';
import type { EmbeddingModel } from '../../src/schema/embedding-shape.js';

/** A model by name. */
export type Model = EmbeddingModel & { readonly model: string };

export const OLD = { dimensions: 8, column: 'vector', model: 'old-model' } as const;
export const NEW = { dimensions: 16, column: 'vector', model: 'new-model' } as const;
/** As many dimensions as {@link OLD}: only its name tells it apart. */
export const SAME_SHAPE = { dimensions: 8, column: 'vector', model: 'new-model' } as const;

const BYTES_A_HASH = 32;

/** The embedding of a text by a model: the same every time, and another for each text and model. */
export function embeddingOf(text: string, { model, dimensions }: Model): Float32Array {
  const hashes = Array.from({ length: Math.ceil(dimensions / BYTES_A_HASH) }, (_, part) =>
    createHash('sha256').update(`${model} ${part} ${text}`).digest(),
  );
  const bytes = Buffer.concat(hashes);
  return Float32Array.from({ length: dimensions }, (_, index) => ((bytes[index] ?? 0) - 127.5) / 128);
}

export const embedWith =
  (model: Model): EmbedTexts =>
  async (texts) =>
    texts.map((text) => embeddingOf(text, model));
