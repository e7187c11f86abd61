import type { DedicatedScope } from '../database/dedicated-connection.js';
import { parseEmbeddingType } from '../database/embedding-column.js';
import type { EmbeddingShape } from '../schema/embedding-shape.js';
import type { VectorsOf } from './reembedding.js';

/** A model by name. */
export interface Target extends EmbeddingShape {
  readonly model: string;
}

/** The last re-embedding, as the database has it. */
export interface ReembedState {
  readonly phase: 'backfilling' | 'cut-over' | 'finished';
  readonly source: VectorsOf;
  readonly target: Target;
}

export const typeOf = ({ column, dimensions }: EmbeddingShape): string => `${column}(${dimensions})`;

export function isSameTarget(one: Target, other: Target): boolean {
  return typeOf(one) === typeOf(other) && one.model === other.model;
}

export const describe = (target: VectorsOf): string =>
  target.model === null ? typeOf(target) : `${typeOf(target)} of "${target.model}"`;

export interface StateRow {
  readonly phase: ReembedState['phase'];
  readonly sourceType: string;
  readonly sourceModel: string | null;
  readonly targetType: string;
  readonly targetModel: string;
}

export const SELECT_STATE = `
  select phase, source_type as "sourceType", source_model as "sourceModel", target_type as "targetType",
    target_model as "targetModel"
  from macro_store_reembedding`;

/** `null`: never done. */
export async function readState(connection: DedicatedScope): Promise<ReembedState | null> {
  const [row] = await connection.query<StateRow>(SELECT_STATE);
  return row === undefined ? null : toState(row);
}

export function toState(row: StateRow): ReembedState {
  return {
    phase: row.phase,
    source: { ...shapeOf(row.sourceType), model: row.sourceModel },
    target: { ...shapeOf(row.targetType), model: row.targetModel },
  };
}

export async function writeState(
  connection: DedicatedScope,
  { phase, source, target }: ReembedState,
): Promise<void> {
  await connection.query(
    `insert into macro_store_reembedding (phase, source_type, source_model, target_type, target_model)
     values ($1, $2, $3, $4, $5)
     on conflict (is_only) do update set phase = excluded.phase, source_type = excluded.source_type,
       source_model = excluded.source_model, target_type = excluded.target_type, target_model = excluded.target_model,
       started_at = case when excluded.phase = 'backfilling' then now() else macro_store_reembedding.started_at end,
       cut_over_at = case excluded.phase when 'cut-over' then now() when 'backfilling' then null
         else macro_store_reembedding.cut_over_at end`,
    [phase, typeOf(source), source.model, typeOf(target), target.model],
  );
}

export async function deleteState(connection: DedicatedScope): Promise<void> {
  await connection.query('delete from macro_store_reembedding');
}

function shapeOf(type: string): EmbeddingShape {
  const shape = parseEmbeddingType(type);
  if (shape === null) throw new TypeError('macro_store_reembedding holds a type of no embedding');
  return shape;
}
