import { embeddingAt, readEmbeddings, readLines, readSgdSample, SGD_SAMPLE } from './sgd.js';

/**
 * `word`: rare words alone, such as a name or a telephone number. `meaning`: another wording of what the turn
 * says, without its rare words. `mixed`: a name that several turns have, and a meaning that tells them apart.
 */
export type LabelKind = 'word' | 'meaning' | 'mixed';

/** A query over the sample, with the turns that answer it. */
export interface LabelledQuery {
  readonly kind: LabelKind;
  readonly text: string;
  readonly embedding: Float32Array;
  /** Places among the docs of the sample; mostly one. */
  readonly right: readonly number[];
}

/** As the file has it: a turn is a dialogue and the turn's number in it. */
export type LabelledLine = readonly [LabelKind, text: string, right: readonly (readonly [string, number])[]];

export const LABELLED_FILE = new URL('labelled.jsonl', SGD_SAMPLE);
export const LABELLED_EMBEDDINGS = new URL('labelled.f16', SGD_SAMPLE);

export function readLabelledQueries(): readonly LabelledQuery[] {
  const lines = readLines<LabelledLine>(LABELLED_FILE);
  const embeddings = readEmbeddings(LABELLED_EMBEDDINGS, lines.length);
  const { docs } = readSgdSample();
  const places = new Map(docs.map(({ dialogue, turn }, place) => [`${dialogue} ${turn}`, place]));
  return lines.map(([kind, text, right], index) => ({
    kind,
    text,
    embedding: embeddingAt(embeddings, index),
    right: right.map(([dialogue, turn]) => {
      const place = places.get(`${dialogue} ${turn}`);
      if (place === undefined) throw new Error(`the sample has no turn ${turn} of ${dialogue}`);
      return place;
    }),
  }));
}
