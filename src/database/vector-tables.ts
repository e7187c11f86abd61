import { type SQL, sql } from 'drizzle-orm';
import { type StoreError, storeError } from '../errors.js';
import type { EmbeddingColumn, EmbeddingModel } from '../schema/embedding-shape.js';
import { embeddingMismatch, parseEmbeddingType } from './embedding-column.js';

/** The table of vectors, and what it was before the cut-over of a re-embedding, until it is dropped. */
export type VectorTable = 'chat_vectors' | 'chat_vectors_previous';

/** Where the vectors of one store are. */
export interface VectorPlace {
  readonly table: VectorTable;
  /** Tells the table for certain: its name goes to another one with the cut-over. */
  readonly tableOid: string;
  /** The other one while both are in use: what goes away has to go from both. */
  readonly otherTable: VectorTable | null;
  readonly column: EmbeddingColumn;
  /** What to write into the column `model`. */
  readonly model: string | null;
  /** Ends the name of each statement on this place: those of before and after a cut-over differ. */
  readonly variant: string;
}

/** One row a table, of one moment, with the last re-embedding beside it. */
export interface VectorTableRow {
  readonly table: VectorTable;
  readonly tableOid: string;
  readonly type: string;
  readonly phase: 'backfilling' | 'cut-over' | 'finished' | null;
  readonly targetType: string | null;
  readonly targetModel: string | null;
  readonly sourceModel: string | null;
}

/** In the schema of the table that is never renamed, all as of one moment. */
export const SELECT_VECTOR_TABLES = `
  select c.relname as "table", c.oid::text as "tableOid", format_type(a.atttypid, a.atttypmod) as type,
    r.phase, r.target_type as "targetType", r.target_model as "targetModel", r.source_model as "sourceModel"
  from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'embedding' and not a.attisdropped
    left join macro_store_reembedding r on true
  where c.relname in ('chat_vectors', 'chat_vectors_previous')
    and c.relnamespace = (select relnamespace from pg_class where oid = 'macro_store_reembedding'::regclass)
  order by c.relname`;

/**
 * The table for a store's configuration: first the one that is of its shape and model.
 *
 * A process that still has the old configuration works on the previous table after the cut-over. Which model
 * the first table of all is of, nobody has recorded: it fits every model but the one that it is left for.
 */
export function placeVectors(
  configured: EmbeddingModel,
  rows: readonly VectorTableRow[],
): PlacedVectors | null {
  const [current] = rows;
  if (current === undefined) return null;
  const fitting = rows.find((row) => fits(configured, row));
  const { table, tableOid } = fitting ?? current;
  const otherTable = rows.find((row) => row.table !== table)?.table ?? null;
  const place: VectorPlace = {
    table,
    tableOid,
    otherTable,
    column: configured.column,
    model: configured.model,
    variant: `#${tableOid}${table === 'chat_vectors' ? '' : '-'}${otherTable === null ? '' : '+'}`,
  };
  const mismatchOfCurrent: Mismatch | null =
    fitting === current ? null : (operation) => mismatch(operation, configured, current);
  return { place, mismatchOfCurrent, mismatch: fitting === undefined ? mismatchOfCurrent : null };
}

export interface PlacedVectors {
  readonly place: VectorPlace;
  /** Why neither table fits the configuration; `null`: one does. */
  readonly mismatch: Mismatch | null;
  /** Why the one in use does not, whether or not the previous one does. */
  readonly mismatchOfCurrent: Mismatch | null;
}

export type Mismatch = (operation: string) => StoreError<'dimension-mismatch'>;

function fits(configured: EmbeddingModel, row: VectorTableRow): boolean {
  if (`${configured.column}(${configured.dimensions})` !== typeName(row)) return false;
  const { known, not } = modelOf(row);
  return known === null ? configured.model === null || configured.model !== not : configured.model === known;
}

/** What the extension's schema stands before is left out. */
const typeName = ({ type }: VectorTableRow): string => type.replace(/^.*\./, '');

/** The model of a table where it is known, and one that it is not of. */
function modelOf(row: VectorTableRow): { readonly known: string | null; readonly not: string | null } {
  const isTarget = row.table === 'chat_vectors' && (row.phase === 'cut-over' || row.phase === 'finished');
  return isTarget ? { known: row.targetModel, not: null } : { known: row.sourceModel, not: row.targetModel };
}

function mismatch(
  operation: string,
  configured: EmbeddingModel,
  current: VectorTableRow,
): StoreError<'dimension-mismatch'> {
  const migrated = parseEmbeddingType(current.type) ?? configured;
  const isToCome =
    current.phase === 'backfilling' &&
    current.targetType === `${configured.column}(${configured.dimensions})` &&
    current.targetModel === configured.model;
  const fields = { expected: migrated.dimensions, actual: configured.dimensions };
  if (isToCome) {
    const message =
      'a re-embedding to this model is under way and not at its cut-over yet; until then work with the model before';
    return storeError('dimension-mismatch', operation, message, fields);
  }
  const { known } = modelOf(current);
  return (
    embeddingMismatch(operation, configured, migrated) ??
    storeError(
      'dimension-mismatch',
      operation,
      `the store is configured for ${modelName(configured.model)}, but the vectors are of ${modelName(known)}; set embedding.model accordingly`,
      fields,
    )
  );
}

const modelName = (model: string | null) => (model === null ? 'no model by name' : `the model "${model}"`);

/**
 * A condition that is true, or fails the statement (2201E) when the table's name has come to another table.
 * Both sides are constants, so that it costs a check when the statement is planned; the cut-over makes the server
 * plan it anew.
 *
 * Stands in the WHERE of the first query of a statement that names the table. There the table is locked
 * already; before that, its name could still change hands.
 */
export function isTable({ table, tableOid }: Pick<VectorPlace, 'table' | 'tableOid'>): SQL {
  return sql`ln((${table}::regclass = ${tableOid}::oid)::int::float8) = 0`.inlineParams();
}

/** A family of statements, made once for each place. */
export function perPlace<T>(make: (place: VectorPlace) => T): (place: VectorPlace) => T {
  const made = new Map<string, T>();
  return (place) => {
    const key = `${place.variant} ${place.table} ${place.column}`;
    let statement = made.get(key);
    if (statement === undefined) {
      statement = make(place);
      made.set(key, statement);
    }
    return statement;
  };
}
