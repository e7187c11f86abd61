// A process of its own that writes and reads rows through the cache: bundled by worker-process.ts.

import { errAsync, okAsync } from 'neverthrow';
import { createMacroStore } from '../../src/create-macro-store.js';
import { seededRandom } from './seeded-random.js';

export interface EntityWorkerInput {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly keyPrefix: string;
  readonly seed: number;
  readonly forMs: number;
  /** Every row of the run; this process alone writes those it owns, and reads all. */
  readonly chats: readonly { readonly userId: string; readonly chatId: string }[];
  readonly owned: readonly number[];
}

/** The name that a user and a chat are given, or the last message of a chat, is a number that only grows. */
export type EntityKind = 'user' | 'chat' | 'history';

export interface EntityEvent {
  readonly kind: EntityKind;
  readonly row: number;
  readonly does: 'write' | 'roll back' | 'read';
  /** What was written or read. */
  readonly version: number;
  /** Of one clock for all processes of the machine, in microseconds. */
  readonly begin: number;
  readonly end: number;
}

export interface EntityWorkerOutput {
  readonly events: readonly EntityEvent[];
  readonly errors: readonly string[];
}

const input = JSON.parse(process.argv[2] ?? '') as EntityWorkerInput;
process.once('disconnect', () => process.exit());

const KINDS: readonly EntityKind[] = ['user', 'chat', 'history'];
const events: EntityEvent[] = [];
const errors: string[] = [];
const random = seededRandom(input.seed);
const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
const now = () => Number(process.hrtime.bigint() / 1_000n);

const store = createMacroStore({
  database: { url: input.databaseUrl, max: 4 },
  redis: { url: input.redisUrl, keyPrefix: input.keyPrefix },
  cache: { entities: true },
  embedding: { dimensions: 8 },
});

type Repositories = Pick<typeof store, 'users' | 'chats' | 'messages'>;
const versions = new Map<string, number>();

function write(to: Repositories, kind: EntityKind, row: number, version: number) {
  const chat = input.chats[row];
  if (chat === undefined) throw new Error('no such row');
  if (kind === 'user') return to.users.update(chat.userId, { firstName: `${version}` }).map(() => undefined);
  if (kind === 'chat') return to.chats.rename({ ...chat, title: `${version}` }).map(() => undefined);
  return to.messages.append({ ...chat, role: 'user', content: `${version}` }).map(() => undefined);
}

function read(kind: EntityKind, row: number) {
  const chat = input.chats[row];
  if (chat === undefined) throw new Error('no such row');
  if (kind === 'user') return store.users.getById(chat.userId).map(({ firstName }) => Number(firstName));
  if (kind === 'chat') return store.chats.getById(chat).map(({ title }) => Number(title));
  return store.messages.history({ ...chat, limit: 1 }).map((last) => Number(last[0]?.content ?? 0));
}

/** One after the other, so that the writes of a row have one order. */
async function writeOn(until: number): Promise<void> {
  while (performance.now() < until) {
    const [kind, row] = [pick(KINDS), pick(input.owned)];
    const name = `${kind} ${row}`;
    const version = (versions.get(name) ?? 0) + 1;
    versions.set(name, version);
    const how = random();
    const begin = now();
    const isKept = how < 0.7;
    const done =
      how < 0.4
        ? await write(store, kind, row, version)
        : await store.transaction((tx) =>
            write(tx, kind, row, version).andThen(() =>
              isKept ? okAsync(undefined) : errAsync('rolled back' as const),
            ),
          );
    if (done.isErr() && done.error !== 'rolled back')
      errors.push(`${done.error.kind}: ${done.error.message}`);
    events.push({ kind, row, does: isKept ? 'write' : 'roll back', version, begin, end: now() });
    await new Promise((resolve) => setTimeout(resolve, random() * 4));
  }
}

async function readOn(until: number): Promise<void> {
  const rows = input.chats.map((_, row) => row);
  while (performance.now() < until) {
    const [kind, row] = [pick(KINDS), pick(rows)];
    const begin = now();
    const found = await read(kind, row);
    if (found.isErr()) errors.push(`${found.error.kind}: ${found.error.message}`);
    else events.push({ kind, row, does: 'read', version: found.value, begin, end: now() });
    await new Promise((resolve) => (random() < 0.05 ? setTimeout(resolve, 1) : setImmediate(resolve)));
  }
}

process.send?.('ready');
process.once('message', () => {
  const until = performance.now() + input.forMs;
  void Promise.all([writeOn(until), readOn(until), readOn(until)]).then(async () => {
    const output: EntityWorkerOutput = { events, errors };
    await new Promise((resolve) => process.send?.(output, resolve));
    await store.close();
    process.disconnect?.();
  });
});
