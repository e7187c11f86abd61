import { err, okAsync, type ResultAsync } from 'neverthrow';
import type { CallOptions, Executor } from '../database/executor.js';
import type { Statement } from '../database/statement.js';
import type { ReadError } from '../errors.js';
import type { ReembedStatus } from './reembedding.js';
import { type ReembedState, SELECT_STATE, type StateRow, toState } from './state.js';
import { AFTER_CUT_OVER, BEFORE_CUT_OVER, type Direction, PENDING } from './table-names.js';

const OPERATION = 'vectors.reembedStatus';

type Counts = Pick<ReembedStatus, 'rows' | 'embedded' | 'pending'>;

const selectState: Statement<object, StateRow> = {
  operation: OPERATION,
  name: OPERATION,
  text: SELECT_STATE,
  parameterNames: [],
};

const countRows = (phase: string, { from, to }: Direction): Statement<object, Counts> => ({
  operation: OPERATION,
  name: `${OPERATION}#${phase}`,
  text: `select (select count(*)::int from ${from}) as rows,
    (select count(*)::int from ${from} f where exists (select from ${to} t where t.id = f.id)) as embedded,
    (select count(*)::int from ${PENDING}) as pending`,
  parameterNames: [],
});

const COUNTS = {
  backfilling: countRows('backfilling', BEFORE_CUT_OVER),
  'cut-over': countRows('cut-over', AFTER_CUT_OVER),
};

const NOTHING: Counts = { rows: 0, embedded: 0, pending: 0 };

/** Reads where it stands on the pool; waits for no lock. */
export function readStatus(
  executor: Executor,
  options: CallOptions | undefined,
): ResultAsync<ReembedStatus, ReadError> {
  const read = () =>
    executor.read(selectState, {}, options).andThen(([row]): ResultAsync<ReembedStatus, ReadError> => {
      if (row === undefined) return okAsync({ phase: 'none', from: null, to: null, ...NOTHING });
      const { phase, source, target }: ReembedState = toState(row);
      const about = { phase, from: source, to: target };
      if (phase === 'finished') return okAsync({ ...about, ...NOTHING });
      return executor
        .read(COUNTS[phase], {}, options)
        .map(([counts]) => ({ ...about, ...(counts ?? NOTHING) }));
    });
  // The next phase began between the two: its tables have other names.
  return read().orElse((error) => (error.kind === 'not-migrated' ? read() : err(error)));
}
