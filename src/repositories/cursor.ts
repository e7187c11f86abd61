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

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** `list` is the operation that made the page: a cursor of another list is not one of this. */
export function encodeCursor(list: string, { key, id }: Position): string {
  return Buffer.from(`${list} ${key} ${id}`).toString('base64url');
}

/** A cursor that this list did not make is refused, not guessed at. */
export function decodeCursor(
  list: string,
  cursor: string | undefined,
  start: Position,
): Result<Position, StoreError<'invalid-input'>> {
  if (cursor === undefined) return ok(start);
  const [, key = '', id = ''] = Buffer.from(cursor, 'base64url').toString().split(' ');
  const isKey = start === BEFORE_LOWEST_IDS ? UUID.test(key) : isInstant(key);
  if (isKey && UUID.test(id) && encodeCursor(list, { key, id }) === cursor) return ok({ key, id });
  return err(
    invalidInput(list, [{ path: 'cursor', message: 'must be the nextCursor of a page of this list' }]),
  );
}

/** As `toISOString` gives it; the server knows no year 0, and years of more than four digits have a sign. */
function isInstant(text: string): boolean {
  const time = Date.parse(text);
  return (
    /^\d/.test(text) &&
    !text.startsWith('0000') &&
    !Number.isNaN(time) &&
    new Date(time).toISOString() === text
  );
}

/** Makes a page of rows that were asked for with one more than the limit. */
export function toPage<T>(
  list: string,
  rows: readonly T[],
  limit: number,
  position: (row: T) => Position,
): Page<T> {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  const nextCursor = rows.length > limit && last !== undefined ? encodeCursor(list, position(last)) : null;
  return { items, nextCursor };
}
