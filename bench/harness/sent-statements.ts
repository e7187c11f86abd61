import { isDeepStrictEqual } from 'node:util';
import type pg from 'pg';
import type { MacroStore } from '../../src/index.js';

/** A named statement as the store sent it. */
export interface SentStatement {
  readonly name: string;
  readonly text: string;
  readonly values: readonly unknown[];
}

/** The named statements that the store sends during the work, in their order. */
export async function watchStatements(
  { pool }: MacroStore,
  work: () => Promise<void>,
): Promise<readonly SentStatement[]> {
  if (pool === null) throw new Error('an embedded store has no pool');
  const sent: SentStatement[] = [];
  const watched = new Set<pg.PoolClient>();
  const watch = (client: pg.PoolClient) => {
    if (watched.has(client)) return;
    watched.add(client);
    const query = client.query;
    client.query = ((statement: SentStatement & { settings?: object | null }, ...rest: unknown[]) => {
      // pg alone would have to send them as a statement ahead of it; so the store's is the dearer of the two. One
      // that keeps a plan from being taken changes nothing where that plan is not taken anyway.
      const settings = Object.keys(statement.settings ?? {}).filter((name) => name !== 'enable_sort');
      if (settings.length > 0) throw new Error('a statement travels with settings of its own');
      // Behind settings it has its name once those are answered.
      if (statement.name || statement.settings) sent.push(statement);
      return Reflect.apply(query, client, [statement, ...rest]);
    }) as typeof client.query;
  };
  pool.on('acquire', watch);
  await work();
  pool.removeListener('acquire', watch);
  for (const client of watched) Reflect.deleteProperty(client, 'query');
  return sent;
}

/** Whether a value that was sent is the one that a name stands for. */
export type Slots<Slot extends string> = Readonly<Record<Slot, (value: unknown) => boolean>>;

export const is = (expected: unknown) => (value: unknown) => isDeepStrictEqual(value, expected);

/**
 * Sends a statement that the store sent again, word for word and under its name, by nothing but pg: with other
 * values in the places that the slots find, and the same in all others.
 */
export function replay<Slot extends string>(
  { name, text, values: sentValues }: SentStatement,
  slots: Slots<Slot>,
): <Row extends pg.QueryResultRow>(pool: pg.Pool, given: Readonly<Record<Slot, unknown>>) => Promise<Row[]> {
  const names = Object.keys(slots) as Slot[];
  const slotAt = sentValues.map((value) => names.find((slot) => slots[slot](value)));
  const missing = names.filter((slot) => !slotAt.includes(slot));
  if (missing.length > 0) throw new Error(`${name} was sent without ${missing.join(', ')}`);

  return async <Row extends pg.QueryResultRow>(pool: pg.Pool, given: Readonly<Record<Slot, unknown>>) => {
    const values = sentValues.map((value, index) => {
      const slot = slotAt[index];
      return slot === undefined ? value : given[slot];
    });
    const client = await pool.connect();
    try {
      return (await client.query<Row>({ name, text, values })).rows;
    } finally {
      client.release();
    }
  };
}
