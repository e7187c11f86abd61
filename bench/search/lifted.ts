import { liftedTo1536 } from '../../test/support/lifted.js';
import { say } from '../harness/progress.js';
import { measureThroughput } from '../harness/throughput.js';
import { measureCliff } from './cliff.js';
import type { SearchResults } from './gates.js';
import { copyToOthers, DIMENSIONS, openStore, openWays, type WaysOptions } from './open-ways.js';
import { readPlans } from './plans.js';
import { prepareDatabase } from './prepared-database.js';
import type { Question } from './questions.js';
import { deleteSome, judgeStage, type RecallRow } from './recall-stages.js';
import { countShortPages } from './short-pages.js';
import { measureClass, measureMix, measureStrategies, mixOf, warmUp } from './speed.js';
import { measureThreshold } from './threshold.js';
import { createTruth } from './truth.js';
import { naiveWay, storeWay } from './ways.js';

/** Calls of each client together in one block. */
const BLOCK = { uniform: 100, heavy: 50 };

/** Everything that is measured at 1,536 dimensions. */
export async function measureLifted(
  options: WaysOptions,
  searches: number,
): Promise<Omit<SearchResults, 'isWhole'>> {
  const { databaseUrl, placement, questions } = options;
  const { rows, classes } = placement;
  await using store = openStore(options);
  await using database = await prepareDatabase(store, databaseUrl, placement, liftedTo1536);
  const { owner } = database;
  const stage = (name: string, stored = rows) =>
    judgeStage({ dimensions: DIMENSIONS, stage: name }, storeWay(store), stored, placement, questions);

  say('searching with a fifth more rows than at the last ANALYZE');
  await database.insertLate();
  const recall: RecallRow[] = await stage('20 % inserted after ANALYZE');
  await database.settle();
  say('giving the others the same rows');
  await copyToOthers(owner, options);

  const ways = await openWays(options);
  const truth = createTruth(rows);
  // Not users of the first class: with those, the store is to meet each for the first time.
  await warmUp(ways, classes.at(2)?.rows ?? 0, questions);
  const measuredClasses = [];
  for (const { rows: size } of classes) {
    say(`searching users of ${size} rows`);
    measuredClasses.push(await measureClass(ways, size, questions, truth));
  }
  const strategies = [];
  for (const { rows: size } of classes) {
    strategies.push(await measureStrategies(store, size, questions, truth));
  }
  say('searching users of all sizes');
  const uniform = await measureMix('uniform', ways, placement, questions);
  const heavy = await measureMix('heavy', ways, placement, questions);
  const throughputs = [];
  for (const kind of ['uniform', 'heavy'] as const) {
    throughputs.push(
      await measureThroughput<Question>({
        name: `${kind} mix`,
        clients: options.poolSize,
        inputs: mixOf(kind, placement, questions, BLOCK[kind]),
        candidates: ways.map((way) => ({ name: way.name, run: way.search })),
      }),
    );
  }
  for (const way of ways) await way.close();

  say('searching on fresh connections, with thresholds, with explanations');
  const cliff = await measureCliff(
    { way: 'store', open: () => openFresh(options), calls: 100, repeats: 3 },
    placement,
    questions,
  );
  const settings = store.pool?.options.options ?? '';
  const cliffOfPlain = await measureCliff(
    {
      way: 'plain named statement',
      open: async () => naiveWay(options.databaseUrl, settings),
      calls: 20,
      repeats: 1,
    },
    placement,
    questions,
  );
  const threshold = [];
  for (const { rows: size } of classes.slice(-2)) threshold.push(await measureThreshold(options, size));
  const plans = await readPlans(owner, options);

  say(`searching ${searches} times for short pages`);
  const short = await countShortPages(store, rows, placement, questions, searches);
  say('searching after deletes');
  recall.push(...(await stage('30 % deleted', await deleteSome(owner, rows))));
  return {
    classes: measuredClasses,
    strategies,
    uniform,
    heavy,
    throughputs,
    recall,
    shortPages: { searches, short },
    cliff,
    cliffOfPlain,
    threshold,
    plans,
  };
}

/** The store on one connection of its own that has been opened, and nothing else. */
async function openFresh(options: WaysOptions) {
  const store = openStore({ ...options, poolSize: 1 });
  (await store.users.findById(options.placement.classes[0]?.users[0] ?? ''))._unsafeUnwrap();
  return storeWay(store);
}
