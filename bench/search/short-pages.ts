import type { MacroStore, MetadataFilter } from '../../src/index.js';
import { seededRandom } from '../../test/support/seeded-random.js';
import type { PlacedRow, Placement } from './placement.js';
import { type Question, type Questions, uniformMix } from './questions.js';

const CLIENTS = 4;
const MAX_LIMIT = 50;

/** Random conditions; each is left out half of the time. */
interface Conditions {
  readonly chatId?: string;
  /** Of the turn's place in its dialogue: what is at least so far in. */
  readonly fromTurn?: number;
  readonly role?: string;
}

/**
 * Random searches of random users with random conditions and limits, and no threshold. A page is short when it
 * has fewer rows than were asked for and are there. Throws on a row that does not meet the conditions.
 */
export async function countShortPages(
  store: MacroStore,
  rows: readonly PlacedRow[],
  placement: Placement,
  questions: Questions,
  searches: number,
): Promise<number> {
  const random = seededRandom(4);
  const owned = rowsByUser(rows);
  const waiting = [...questions.mix(uniformMix(placement), searches, 5)];
  let short = 0;
  const client = async () => {
    for (let question = waiting.pop(); question !== undefined; question = waiting.pop()) {
      const ofUser = owned.get(question.userId) ?? [];
      const conditions = drawConditions(random, ofUser);
      const limit = 1 + Math.floor(random() * MAX_LIMIT);
      const found = await search(store, question, conditions, limit);
      const meeting = new Set(ofUser.filter((row) => meets(row, conditions)).map(({ id }) => id));
      for (const id of found) if (!meeting.has(id)) throw new Error(`${id} was found, and is not asked for`);
      if (new Set(found).size < Math.min(limit, meeting.size)) short += 1;
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  return short;
}

async function search(
  store: MacroStore,
  { embedding, userId }: Question,
  { chatId, role, fromTurn }: Conditions,
  limit: number,
): Promise<string[]> {
  const metadata: MetadataFilter[] = [
    ...(role === undefined ? [] : [{ field: 'role', eq: role }]),
    ...(fromTurn === undefined ? [] : [{ field: 'turn', gte: fromTurn }]),
  ];
  const hits = await store.vectorSearch.semanticSearch(embedding, userId, {
    limit,
    threshold: null,
    ...(chatId === undefined ? {} : { chatId }),
    ...(metadata.length === 0 ? {} : { filter: { metadata: { and: metadata } } }),
  });
  return hits._unsafeUnwrap().map(({ id }) => id);
}

function drawConditions(random: () => number, ofUser: readonly PlacedRow[]): Conditions {
  const some = ofUser[Math.floor(random() * ofUser.length)];
  return {
    ...(random() < 0.5 && some !== undefined ? { chatId: some.chatId } : {}),
    ...(random() < 0.5 ? { role: random() < 0.5 ? 'user' : 'assistant' } : {}),
    ...(random() < 0.5 ? { fromTurn: Math.floor(random() * 30) } : {}),
  };
}

function meets({ chatId, turn }: PlacedRow, conditions: Conditions): boolean {
  return (
    (conditions.chatId ?? chatId) === chatId &&
    (conditions.role ?? turn.role) === turn.role &&
    (conditions.fromTurn ?? 0) <= turn.turn
  );
}

function rowsByUser(rows: readonly PlacedRow[]): ReadonlyMap<string, readonly PlacedRow[]> {
  const owned = new Map<string, PlacedRow[]>();
  for (const row of rows) {
    const ofUser = owned.get(row.userId);
    if (ofUser === undefined) owned.set(row.userId, [row]);
    else ofUser.push(row);
  }
  return owned;
}
