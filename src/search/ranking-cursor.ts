import { createHash } from 'node:crypto';
import { err, ok, type Result } from 'neverthrow';
import { invalidInput, type StoreError } from '../errors.js';

/** Where a page of a ranking ended. */
export interface RankingPosition {
  /** Cosine distance of the last hit, and its id: the order of the ranking. */
  readonly distance: number;
  readonly id: string;
  /** How many hits there were up to here: how deep the next page has to look. */
  readonly rank: number;
}

export const BEFORE_FIRST: RankingPosition = {
  distance: Number.NEGATIVE_INFINITY,
  id: '00000000-0000-0000-0000-000000000000',
  rank: 0,
};

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** No ranking is followed further: each page compares all before it again. */
export const MAX_RANK = 100_000;

/** What a ranking depends on; a cursor is of use for the very same search only. */
export function rankingFingerprint(embedding: unknown, ...conditions: readonly unknown[]): string {
  const hash = createHash('sha1');
  hash.update(Buffer.isBuffer(embedding) ? embedding : `${embedding}`);
  hash.update(JSON.stringify(conditions));
  return hash.digest('base64url').slice(0, 16);
}

export function encodeRankingCursor({ distance, id, rank }: RankingPosition, fingerprint: string): string {
  return Buffer.from(`${fingerprint} ${distance} ${id} ${rank}`).toString('base64url');
}

/** A cursor of another search is refused: its position means nothing here. */
export function decodeRankingCursor(
  operation: string,
  cursor: string,
  fingerprint: string,
): Result<RankingPosition, StoreError<'invalid-input'>> {
  const [, distance = '', id = '', rank = ''] = Buffer.from(cursor, 'base64url').toString().split(' ');
  const position = { distance: Number(distance), id, rank: Number(rank) };
  const isPosition =
    Number.isFinite(position.distance) &&
    UUID.test(id) &&
    Number.isInteger(position.rank) &&
    position.rank > 0;
  if (isPosition && position.rank <= MAX_RANK && encodeRankingCursor(position, fingerprint) === cursor) {
    return ok(position);
  }
  const message = 'must be the nextCursor of a page of the same search: same user, query and conditions';
  return err(invalidInput(operation, [{ path: 'cursor', message }]));
}
