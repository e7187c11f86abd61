import type { ResultAsync } from 'neverthrow';
import type {
  DropIndexReport,
  EnsureIndexesReport,
  IndexBuildOptions,
  RebuildIndexReport,
  StoreError,
  VectorIndexesStatus,
  VectorIndexStatus,
} from '../index.js';
import type { Call, Command } from './command.js';
import { showIndexWork } from './index-progress.js';
import { choiceOf } from './options.js';
import { createProgress } from './progress.js';
import { megabytes, table } from './table.js';

const ACTIONS = ['status', 'ensure', 'rebuild', 'drop'] as const;
const KINDS = ['covering', 'full-text', 'hnsw', 'partial-hnsw', 'metadata'] as const;
const DROPPABLE = ['hnsw', 'partial-hnsw', 'metadata'] as const;

type IndexResult = VectorIndexesStatus | EnsureIndexesReport | RebuildIndexReport | DropIndexReport;

export const indexCommand: Command<IndexResult> = {
  summary: 'look after the indexes of the vectors, while reads and writes go on',
  usage: 'status | ensure | rebuild <kind> | drop <kind> [options]',
  maxWords: 2,
  about: [
    `status    which are there, how large, and what to do about each; changes nothing
ensure    builds what is missing or invalid; does nothing when all is well
rebuild   builds one anew beside the old one and exchanges them: for bloat, and for another --m
drop      drops the indexes of a kind; searches go on without`,
    `Kinds: ${KINDS.join(', ')}. The first two are what searches stand on, and cannot be dropped.`,
    'Ctrl-C cancels a build on the server and clears up what it left.',
  ],
  options: {
    'no-hnsw': { help: 'ensure: without the graph of all vectors' },
    m: { value: '<n>', help: 'links a vector in a graph, 2–100; default 16' },
    'ef-construction': { value: '<n>', help: 'candidates while building a graph, 4–1000; default 64' },
    'maintenance-work-mem': {
      value: '<size>',
      help: "memory of a build, e.g. 2GB; default the server's, 256MB at least",
    },
    'metadata-fields': {
      value: '<a,b>',
      help: 'ensure, rebuild, drop: metadata fields with an index of their own',
    },
  },
  examples: [
    ['index status', 'sizes and advice'],
    ['index ensure --maintenance-work-mem 2GB', 'build what is missing, with memory for a large graph'],
    ['index rebuild hnsw --m 24 --ef-construction 128', 'a graph with more links, for higher recall'],
    ['index drop metadata --metadata-fields topic', 'an index that is not needed any more'],
  ],

  run(call): ResultAsync<IndexResult, StoreError> {
    const { index } = call.store.vectors;
    const { words, options } = call;
    const [action, kind] = words;
    const metadataFields = options.list('metadata-fields');
    const selected = { ...(metadataFields !== undefined && { metadataFields }) };
    const tuning = tuningOf(call);
    const progress = createProgress(call.stderr);
    const work = {
      ...(call.signal !== undefined && { signal: call.signal }),
      ...(!call.json && { onProgress: (event) => showIndexWork(progress, event) }),
    } satisfies IndexBuildOptions;
    const maintenanceWorkMem = options.text('maintenance-work-mem');
    const build = { ...work, ...(maintenanceWorkMem !== undefined && { maintenanceWorkMem }) };

    const act = (): ResultAsync<IndexResult, StoreError> => {
      switch (choiceOf('index: what to do', action, ACTIONS)) {
        case 'status':
          return index.status();
        case 'ensure':
          return index.ensure({ ...build, ...selected, hnsw: options.flag('no-hnsw') ? false : tuning });
        case 'rebuild':
          return index.rebuild(choiceOf('index rebuild: the kind', kind, KINDS), {
            ...build,
            ...selected,
            ...tuning,
          });
        case 'drop':
          return index.drop(choiceOf('index drop: the kind', kind, DROPPABLE), { ...work, ...selected });
      }
    };
    return act().andTee(progress.end).orTee(progress.end);
  },

  describe(result, width) {
    if ('indexes' in result) return describeStatus(result, width);
    const lines = Object.entries(result).flatMap(([did, names]: [string, readonly string[]]) =>
      names.map((name) => `${did.padEnd(9)} ${name}`),
    );
    return lines.length > 0 ? lines : ['nothing to do'];
  },
};

function tuningOf({ options }: Call) {
  const m = options.wholeNumber('m');
  const efConstruction = options.wholeNumber('ef-construction');
  return { ...(m !== undefined && { m }), ...(efConstruction !== undefined && { efConstruction }) };
}

function describeStatus(status: VectorIndexesStatus, width: number | null): readonly string[] {
  const { indexes, leftovers, liveRows, deadRows, largestUserRows } = status;
  const largest = largestUserRows === null ? 'not known before ANALYZE' : `about ${largestUserRows}`;
  return [
    `vectors: about ${liveRows}, ${deadRows} dead; of the largest user: ${largest}`,
    ...table(
      ['index', 'kind', 'state', 'size'],
      indexes.map((index) => [index.name, index.kind, stateOf(index), megabytes(index.sizeBytes)]),
      width,
    ),
    ...indexes.flatMap(({ advice }) => advice.map(({ code, message }) => `${code}: ${message}`)),
    ...leftovers.map((name) => `leftover: ${name}; index ensure drops it`),
  ];
}

function stateOf({ exists, isValid, isBuilding }: VectorIndexStatus): string {
  if (isBuilding) return 'building';
  if (!exists) return 'not there';
  return isValid ? 'valid' : 'invalid';
}
