import { say } from '../harness/progress.js';
import type { WaysOptions } from './open-ways.js';
import type { Placement } from './placement.js';
import { prepareDatabase } from './prepared-database.js';
import { createQuestions } from './questions.js';
import { deleteSome, judgeStage, type RecallRow } from './recall-stages.js';
import { storeWay } from './ways.js';

export const PLAIN_DIMENSIONS = 512;

/** The quality at the 512 dimensions that the model gives. */
export async function measurePlain(options: Omit<WaysOptions, 'questions'>): Promise<RecallRow[]> {
  say(`searching at ${PLAIN_DIMENSIONS} dimensions`);
  const { createMacroStore, databaseUrl, placement, poolSize } = options;
  const asItIs = (embedding: Float32Array) => embedding;
  const questions = createQuestions(placement, asItIs);
  await using store = createMacroStore({
    database: { url: databaseUrl, max: poolSize },
    redis: false,
    embedding: { dimensions: PLAIN_DIMENSIONS, column: 'vector' },
  });
  await using database = await prepareDatabase(store, databaseUrl, placement, asItIs);
  const stage = (name: string, stored: Placement['rows']) =>
    judgeStage({ dimensions: PLAIN_DIMENSIONS, stage: name }, storeWay(store), stored, placement, questions);
  await database.insertLate();
  const inserted = await stage('20 % inserted after ANALYZE', placement.rows);
  await database.settle();
  const settled = await stage('analyzed', placement.rows);
  const deleted = await stage('30 % deleted', await deleteSome(database.owner, placement.rows));
  return [...inserted, ...settled, ...deleted];
}
