import { err, ok, type Result } from 'neverthrow';
import { invalidInput, type StoreError } from '../errors.js';

/** One page of a list; `nextCursor` is `null` on the last. */
export interface Page<T> {
  readonly items: readonly T[];
  /** Opaque; stays valid while rows are added and removed. */
  readonly nextCursor: string | null;
}

/** Where a page ended: the sort key of its last row, then its id, which makes the order total. */
export interface Position {
  readonly key: string;
  readonly id: string;
}

const LOWEST_ID = '00000000-0000-0000-0000-000000000000';
const HIGHEST_ID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/** Before the first row of a list by time: so that the first page and the later ones are one statement. */
export const BEFORE_OLDEST: Position = { key: '-infinity', id: LOWEST_ID };
export const BEFORE_NEWEST: Position = { key: 'infinity', id: HIGHEST_ID };
/** Before the first row of a list by two ids. */
export const BEFORE_LOWEST_IDS: Position = { key: LOWEST_ID, id: LOWEST_ID };

const INSTANT = /^\d{4,}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export function encodeCursor({ key, id }: Position): string {
  return Buffer.from(`${key} ${id}`).toString('base64url');
}

/** A cursor that this list did not make is refused, not guessed at. */
export function decodeCursor(
  operation: string,
  cursor: string | undefined,
  start: Position,
): Result<Position, StoreError<'invalid-input'>> {
  if (cursor === undefined) return ok(start);
  const [key = '', id = '', ...rest] = Buffer.from(cursor, 'base64url').toString().split(' ');
  const isKey =
    start === BEFORE_LOWEST_IDS ? UUID.test(key) : INSTANT.test(key) && !Number.isNaN(Date.parse(key));
  if (isKey && UUID.test(id) && rest.length === 0) return ok({ key, id });
  return err(
    invalidInput(operation, [{ path: 'cursor', message: 'must be the nextCursor of a page of this list' }]),
  );
}

/** Makes a page of rows that were asked for with one more than the limit. */
export function toPage<T>(rows: readonly T[], limit: number, position: (row: T) => Position): Page<T> {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  const nextCursor = rows.length > limit && last !== undefined ? encodeCursor(position(last)) : null;
  return { items, nextCursor };
}
