import type { MacroStore } from '../../src/index.js';
import { liftedTo1536 } from '../../test/support/lifted.js';
import { readSgdWhole } from '../../test/support/sgd.js';

export const DIMENSIONS = 1536;
const CHATS = 20;

/** Who the rows are of. */
export interface Owner {
  readonly userId: string;
  readonly chatIds: readonly string[];
}

export interface NewRow {
  readonly chatId: string;
  readonly content: string;
  readonly embedding: number[];
  readonly metadata: { readonly turn: number };
}

/** Real chat turns, and questions whose answers are known by comparing with all of them. */
export interface Turns {
  readonly source: 'whole' | 'sample';
  /** The given number of rows, from a place in the turns on; begins again at their end. */
  rows(count: number, from?: number): NewRow[];
  readonly queries: readonly Float32Array[];
}

/** As arrays of numbers, which is what embedding services give. */
export function readTurns({ chatIds }: Owner): Turns {
  const { source, docs, queries } = readSgdWhole();
  const embeddings = docs.map(({ embedding }) => Array.from(liftedTo1536(embedding)));
  const rowAt = (place: number): NewRow => {
    const index = place % docs.length;
    const [doc, embedding, chatId] = [docs[index], embeddings[index], chatIds[index % chatIds.length]];
    if (!doc || !embedding || !chatId) throw new RangeError(`there is no turn ${index}`);
    return { chatId, content: doc.text, embedding, metadata: { turn: doc.turn } };
  };
  return {
    source,
    rows: (count, from = 0) => Array.from({ length: count }, (_, index) => rowAt(from + index)),
    queries: queries.slice(0, 100).map(({ embedding }) => liftedTo1536(embedding)),
  };
}

export async function createOwner(store: MacroStore): Promise<Owner> {
  const { id: userId } = (await store.users.create({ email: 'ingest@example.org' }))._unsafeUnwrap();
  const chatIds: string[] = [];
  while (chatIds.length < CHATS) {
    chatIds.push((await store.chats.create({ userId, title: 'A chat' }))._unsafeUnwrap().id);
  }
  return { userId, chatIds };
}
