import type { Candidate } from '../harness/measure.js';
import type { Question } from './questions.js';
import type { Truth } from './truth.js';
import type { Way } from './ways.js';

/** What the ways answered while they were timed, to be judged afterwards. */
export interface Answers {
  /** The way as a candidate of a measurement, `every` as there. */
  listenTo(way: Way, every?: number): Candidate<Question>;
  /** The quality of each way's answers since the last call. */
  judge(truth: Truth): ReadonlyMap<string, Quality>;
}

export interface Quality {
  readonly searches: number;
  /** The mean over all searches. */
  readonly recall: number;
  /** Pages with fewer rows than the user could be given. */
  readonly shortPages: number;
}

interface Answer {
  readonly question: Question;
  readonly ids: readonly string[];
}

export function createAnswers(): Answers {
  const given = new Map<string, Answer[]>();
  return {
    listenTo: ({ name, search }, every = 1) => ({
      name,
      every,
      run: async (question) => {
        const ids = await search(question);
        const answers = given.get(name);
        if (answers === undefined) given.set(name, [{ question, ids }]);
        else answers.push({ question, ids });
      },
    }),
    judge(truth) {
      const qualities = new Map([...given].map(([name, answers]) => [name, qualityOf(answers, truth)]));
      given.clear();
      return qualities;
    },
  };
}

export function qualityOf(answers: readonly Answer[], truth: Truth): Quality {
  const recalls = answers.map(({ question, ids }) => truth.recallOf(question, ids));
  return {
    searches: answers.length,
    recall: recalls.reduce((sum, recall) => sum + recall, 0) / answers.length,
    shortPages: answers.filter(({ question, ids }) => ids.length < truth.fullPage(question)).length,
  };
}
