import { createHash } from 'node:crypto';

/** The table in use. */
export const CURRENT = 'chat_vectors';
/** The new one, until the cut-over. */
export const NEXT = 'chat_vectors_next';
/** What the table in use was before the cut-over. */
export const PREVIOUS = 'chat_vectors_previous';
/** Ids whose row in the new table is missing or may be another than it should. */
export const PENDING = 'chat_vectors_pending';

const MAX_IDENTIFIER_BYTES = 63;

/** The name of an index of {@link CURRENT} on one of the other two. */
export function indexNameOn(table: typeof NEXT | typeof PREVIOUS, name: string): string {
  const suffix = table.slice(CURRENT.length);
  const renamed = name.includes(CURRENT) ? name.replace(CURRENT, table) : `${name}${suffix}`;
  if (Buffer.byteLength(renamed) <= MAX_IDENTIFIER_BYTES) return renamed;
  // The server would cut it, and two long names could become one.
  return `${createHash('sha256').update(name).digest('hex').slice(0, 40)}${suffix}`;
}

/** The tables that rows come from and go to, before and after the cut-over. */
export interface Direction {
  readonly from: typeof CURRENT | typeof PREVIOUS;
  readonly to: typeof NEXT | typeof CURRENT;
}

export const BEFORE_CUT_OVER: Direction = { from: CURRENT, to: NEXT };
export const AFTER_CUT_OVER: Direction = { from: PREVIOUS, to: CURRENT };

export const quoted = (identifier: string): string => `"${identifier.replaceAll('"', '""')}"`;
