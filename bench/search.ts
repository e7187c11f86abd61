import { liftedTo1536 } from '../test/support/lifted.js';
import { readSgdSample, readSgdWhole } from '../test/support/sgd.js';
import { loadLibrary, openEnvironment, versionOf } from './harness/environment.js';
import { type Report, timingsOf } from './harness/report.js';
import { judge, type SearchResults } from './search/gates.js';
import { measureLifted } from './search/lifted.js';
import { DIMENSIONS } from './search/open-ways.js';
import { placeTurns } from './search/placement.js';
import { measurePlain, PLAIN_DIMENSIONS } from './search/plain.js';
import { createQuestions, LIMIT } from './search/questions.js';

export { searchPlots as plots } from './search/plots.js';

export const name = 'search';

const CLIENTS = 4;
const SHORT_PAGE_SEARCHES = { usual: 5_000, full: 100_000 };
/** Everything fits into memory several times over: what is compared is work, not disks. */
const SERVER = { shared_buffers: '3GB', max_wal_size: '8GB', min_wal_size: '2GB' };

export interface SearchOptions {
  /** All of the random searches of the goal, not a twentieth of them. */
  readonly full: boolean;
  /** The sample of the repository, also where the whole set is there. */
  readonly sample: boolean;
}

export async function run({ full, sample }: SearchOptions): Promise<Report> {
  await using environment = await openEnvironment(SERVER);
  const { createMacroStore } = await loadLibrary();
  const placement = placeTurns(sample ? readSgdSample() : readSgdWhole());
  const { source, rows, classes, queries } = placement;
  const questions = createQuestions(placement, liftedTo1536);
  const options = {
    createMacroStore,
    databaseUrl: environment.databaseUrl,
    poolSize: CLIENTS,
    placement,
    questions,
  };
  const searches = full ? SHORT_PAGE_SEARCHES.full : SHORT_PAGE_SEARCHES.usual;
  const lifted = await measureLifted(options, searches);
  const plain = await measurePlain({ ...options, databaseUrl: await environment.anotherDatabase() });
  const results: SearchResults = {
    ...lifted,
    isWhole: source === 'whole',
    recall: [...lifted.recall, ...plain],
  };
  return {
    suite: name,
    data: {
      source: source === 'whole' ? 'whole set' : 'sample of the repository',
      rows: rows.length,
      users: classes.map((one) => `${one.users.length} × ${one.rows}`).join(' + '),
      queries: queries.length,
      dimensions: `${DIMENSIONS}, and ${PLAIN_DIMENSIONS} for recall`,
      limit: LIMIT,
      poolSize: CLIENTS,
    },
    versions: {
      ...environment.versions,
      pg: versionOf('pg'),
      'drizzle-orm': versionOf('drizzle-orm'),
      '@langchain/community': versionOf('@langchain/community', 'peers'),
      '@mastra/pg': versionOf('@mastra/pg', 'peers'),
    },
    results: results.classes.flatMap(({ measurement }) => timingsOf(measurement)),
    ...judge(results),
  };
}
