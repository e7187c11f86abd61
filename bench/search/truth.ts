import { exactNearest, type Nearest, recallOf, similarityOf } from '../../test/support/nearest.js';
import type { PlacedRow } from './placement.js';
import { LIMIT, type Question } from './questions.js';

/** The exact answers over the rows that are stored now. */
export interface Truth {
  /** The share of the user's nearest rows that an answer has. Throws on a row that is not the user's. */
  recallOf(question: Question, ids: readonly string[]): number;
  /** How many rows a full page of the user has. */
  fullPage(question: Question): number;
}

export function createTruth(rows: readonly PlacedRow[]): Truth {
  const owned = new Map<string, Map<string, Float32Array>>();
  for (const { id, userId, turn } of rows) {
    const ofUser = owned.get(userId) ?? new Map<string, Float32Array>();
    owned.set(userId, ofUser.set(id, turn.embedding));
  }
  const known = new Map<string, Map<Float32Array, Nearest>>();

  const nearestOf = ({ userId, plain }: Question): Nearest => {
    const ofUser = known.get(userId) ?? new Map<Float32Array, Nearest>();
    known.set(userId, ofUser);
    const found = ofUser.get(plain) ?? exactNearest(plain, [...(owned.get(userId)?.values() ?? [])], LIMIT);
    ofUser.set(plain, found);
    return found;
  };
  return {
    recallOf(question, ids) {
      const ofUser = owned.get(question.userId);
      const similarities = [...new Set(ids)].map((id) => {
        const embedding = ofUser?.get(id);
        if (embedding === undefined) throw new Error(`${id} was found, which is no row of the user`);
        return similarityOf(question.plain, embedding);
      });
      return recallOf(similarities, nearestOf(question));
    },
    fullPage: (question) => Math.min(LIMIT, owned.get(question.userId)?.size ?? 0),
  };
}
