import { existsSync, readFileSync } from 'node:fs';
import { decodeHalfFloats } from './half-floats.js';

/** Real chat turns with real sentence embeddings, and turns of other dialogues to search for. */
export interface Sgd {
  readonly source: 'whole' | 'sample';
  readonly docs: readonly SgdTurn[];
  readonly queries: readonly SgdQuery[];
}

export interface SgdTurn {
  readonly dialogue: string;
  readonly turn: number;
  readonly role: 'user' | 'assistant';
  readonly text: string;
  /** Of unit length. */
  readonly embedding: Float32Array;
}

export interface SgdQuery {
  readonly text: string;
  readonly embedding: Float32Array;
}

const SGD_DIMENSIONS = 512;

/** 2,400 turns and 100 queries; the folder says where they are from. */
export const SGD_SAMPLE = new URL('../../bench/data/sgd-sample/', import.meta.url);
/** 24,000 turns and 1,000 queries, beside the repository where somebody has put them. */
export const SGD_WHOLE = new URL('../../../shared/data/sgd-chat-use512/', import.meta.url);

export function readSgdSample(): Sgd {
  return { source: 'sample', ...readSgd(SGD_SAMPLE) };
}

/** The whole set where it is there, else the sample. */
export function readSgdWhole(): Sgd {
  return existsSync(SGD_WHOLE) ? { source: 'whole', ...readSgd(SGD_WHOLE) } : readSgdSample();
}

function readSgd(folder: URL): Omit<Sgd, 'source'> {
  const docs = readLines<[string, number, SgdTurn['role'], string]>(new URL('docs.jsonl', folder));
  const queries = readLines<[string, string, string]>(new URL('queries.jsonl', folder));
  const docEmbeddings = readEmbeddings(new URL('docs.f16', folder), docs.length);
  const queryEmbeddings = readEmbeddings(new URL('queries.f16', folder), queries.length);
  return {
    docs: docs.map(([dialogue, turn, role, text], index) => ({
      dialogue,
      turn,
      role,
      text,
      embedding: embeddingAt(docEmbeddings, index),
    })),
    queries: queries.map(([, , text], index) => ({ text, embedding: embeddingAt(queryEmbeddings, index) })),
  };
}

export function readLines<T>(file: URL): T[] {
  return readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as T);
}

export function readEmbeddings(file: URL, count: number): Float32Array[] {
  const embeddings = decodeHalfFloats(readFileSync(file), SGD_DIMENSIONS);
  if (embeddings.length !== count) throw new Error(`${file} has ${embeddings.length} rows, not ${count}`);
  return embeddings;
}

export function embeddingAt(embeddings: readonly Float32Array[], index: number): Float32Array {
  const embedding = embeddings[index];
  if (embedding === undefined) throw new RangeError(`there is no embedding ${index}`);
  return embedding;
}
