import type pg from 'pg';
import { seededRandom } from '../../test/support/seeded-random.js';
import { qualityOf } from './answers.js';
import type { PlacedRow, Placement } from './placement.js';
import type { Questions } from './questions.js';
import { createTruth } from './truth.js';
import type { Way } from './ways.js';

export interface RecallRow {
  readonly dimensions: number;
  readonly stage: string;
  readonly way: string;
  readonly rows: number;
  readonly searches: number;
  readonly recall: number;
  readonly shortPages: number;
}

/** For each class. */
const SEARCHES = 200;

/** The quality of a way's answers for users of every size, over the rows that are stored now. */
export async function judgeStage(
  { dimensions, stage }: Pick<RecallRow, 'dimensions' | 'stage'>,
  way: Way,
  stored: readonly PlacedRow[],
  { classes }: Placement,
  questions: Questions,
): Promise<RecallRow[]> {
  const truth = createTruth(stored);
  const judged: RecallRow[] = [];
  for (const { rows } of classes) {
    const answers = [];
    for (let n = 0; n < SEARCHES; n += 1) {
      const question = questions.ofClass(rows, n);
      answers.push({ question, ids: await way.search(question) });
    }
    judged.push({ dimensions, stage, way: way.name, rows, ...qualityOf(answers, truth) });
  }
  return judged;
}

const DELETED_SHARE = 0.3;

/** Takes rows out, here and there; gives the others. Nothing is vacuumed. */
export async function deleteSome(client: pg.Client, stored: readonly PlacedRow[]): Promise<PlacedRow[]> {
  const random = seededRandom(6);
  const kept: PlacedRow[] = [];
  const deleted: string[] = [];
  for (const row of stored) {
    if (random() < DELETED_SHARE) deleted.push(row.id);
    else kept.push(row);
  }
  await client.query('delete from chat_vectors where id = any($1::uuid[])', [deleted]);
  return kept;
}
