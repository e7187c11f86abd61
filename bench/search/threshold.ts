import { type Measurement, measure } from '../harness/measure.js';
import { openStore, type WaysOptions } from './open-ways.js';
import { LIMIT, type Question } from './questions.js';

/** More similar than anything is to a question. */
const UNREACHABLE = 1;

/** What a search costs that finds nothing near enough, against one that takes what there is. */
export async function measureThreshold(options: WaysOptions, rows: number): Promise<Measurement> {
  await using store = openStore(options);
  const search = (threshold: number | null) => async (question: Question) =>
    (
      await store.vectorSearch.semanticSearch(question.embedding, question.userId, {
        limit: LIMIT,
        threshold,
      })
    )._unsafeUnwrap();
  return await measure<Question>({
    name: `${rows} rows`,
    input: (step) => options.questions.ofClass(rows, step),
    steps: 200,
    warmUp: 10,
    candidates: [
      { name: 'met by all', run: search(null) },
      { name: 'met by none', run: search(UNREACHABLE) },
    ],
  });
}
