import { seededRandom, shuffledBy } from '../../test/support/seeded-random.js';
import type { Sgd, SgdQuery, SgdTurn } from '../../test/support/sgd.js';

/** Users with the same number of rows. */
export interface SizeClass {
  readonly rows: number;
  readonly users: readonly string[];
}

export interface PlacedRow {
  readonly id: string;
  readonly userId: string;
  readonly chatId: string;
  readonly turn: SgdTurn;
}

/** The turns with their owners, in the order in which they are to be stored. */
export interface Placement {
  readonly source: Sgd['source'];
  readonly rows: readonly PlacedRow[];
  readonly classes: readonly SizeClass[];
  readonly queries: readonly SgdQuery[];
}

/** Rows of a user → users of that size; every row is a real turn, none is made up. */
const USERS: Readonly<Record<Sgd['source'], Readonly<Record<number, number>>>> = {
  whole: { 4: 750, 100: 10, 500: 4, 2000: 1, 16000: 1 },
  sample: { 4: 50, 20: 10, 50: 4, 300: 1, 1500: 1 },
};

/** A user has a chat for each so many rows, of whatever sizes come about. */
const ROWS_A_CHAT = 20;

const userId = (n: number) => seedId(1, n);
const chatId = (user: number, n: number) => seedId(2, user * 10_000 + n);
const rowId = (place: number) => seedId(3, place);

const seedId = (kind: number, n: number) =>
  `${`${kind}`.padStart(8, '0')}-0000-7000-8000-${`${n}`.padStart(12, '0')}`;

/** The same for the same data: which turns are whose, and where they lie on disk, is drawn with a fixed seed. */
export function placeTurns({ source, docs, queries }: Sgd): Placement {
  const random = seededRandom(3);
  const owners: number[] = [];
  const classes: SizeClass[] = [];
  let users = 0;
  for (const [rows, count] of Object.entries(USERS[source])) {
    const members = Array.from({ length: count }, () => {
      users += 1;
      for (let row = 0; row < Number(rows); row += 1) owners.push(users);
      return users;
    });
    classes.push({ rows: Number(rows), users: members.map(userId) });
  }
  const rowsOf = new Map<number, number>();
  for (const owner of owners) rowsOf.set(owner, (rowsOf.get(owner) ?? 0) + 1);

  const turns = shuffledBy(random, docs);
  const rows = shuffledBy(random, owners).map((owner, place) => ({
    id: rowId(place),
    userId: userId(owner),
    chatId: chatId(owner, Math.floor((random() * (rowsOf.get(owner) ?? 0)) / ROWS_A_CHAT)),
    turn: turnAt(turns, place),
  }));
  return { source, rows, classes, queries };
}

function turnAt(turns: readonly SgdTurn[], place: number): SgdTurn {
  const turn = turns[place];
  if (turn === undefined) throw new Error('the data has fewer turns than the users are to have');
  return turn;
}
