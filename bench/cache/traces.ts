import { seededRandom } from '../../test/support/seeded-random.js';
import { readSgdSample, type SgdTurn } from '../../test/support/sgd.js';
import { uniform, zipf } from './key-streams.js';

/** What is asked of a cache, in its order. A change ends what is cached. */
export interface Step {
  readonly key: string;
  readonly bytes: number;
  readonly kind: 'read' | 'change';
}

export interface Trace {
  readonly name: string;
  readonly title: string;
  readonly steps: readonly Step[];
}

const READS = 100_000;
const KEYS = 20_000;

export function makeTraces(): readonly Trace[] {
  return [
    { name: 'zipf', title: 'Zipf 0.9', steps: readsOf(zipf(KEYS, 0.9, 1), READS) },
    { name: 'scan', title: 'Zipf 0.9, and a job that reads everything once', steps: scan() },
    { name: 'loop', title: 'everything in turn, again and again', steps: readsOf(loop(), READS) },
    { name: 'drift', title: 'a working set that moves on', steps: readsOf(drift(), READS) },
    { name: 'chat', title: 'chat sessions', steps: chatSessions() },
  ];
}

function readsOf(next: () => number, count: number): Step[] {
  return Array.from({ length: count }, () => readOf(`key-${next()}`));
}

function readOf(key: string): Step {
  return { key, bytes: bytesOf(key), kind: 'read' };
}

/** 0.2, 3 and 30 kB, six, three and one of ten. */
function bytesOf(key: string): number {
  const place = Number(/\d+$/.exec(key)?.[0] ?? 0) % 10;
  return place < 6 ? 200 : place < 9 ? 3_000 : 30_000;
}

/** Three of ten reads are those of the job. */
function scan(): Step[] {
  const next = zipf(KEYS, 0.9, 2);
  let scanned = 0;
  return Array.from({ length: READS }, (_, at) => {
    if (at % 10 >= 3) return readOf(`key-${next()}`);
    scanned += 1;
    return readOf(`scanned-${scanned}`);
  });
}

function loop(): () => number {
  let at = 0;
  return () => at++ % (KEYS / 4);
}

/** Zipf over 2,000 keys, of which the most asked for leaves after every ten reads, and one comes in. */
function drift(): () => number {
  const next = zipf(2_000, 0.9, 3);
  let reads = 0;
  return () => next() + Math.floor(reads++ / 10);
}

const USERS = 3_000;
const ACTIVE_SESSIONS = 150;
const VIEWS_SHARE = 0.4;

/**
 * People who come back to their chats, some often and most seldom. Each message asks for the user, the chat and
 * its latest messages, and then changes the latter two; who only looks asks for the same. Lengths of chats and
 * messages are those of real ones.
 */
function chatSessions(): Step[] {
  const random = seededRandom(4);
  const nextUser = zipf(USERS, 0.8, 5);
  const dialogues = readDialogues();
  const nextDialogue = uniform(dialogues.length, 6);
  const chatsOf = new Map<number, number>();
  const written = new Map<string, number>();

  const open = () => {
    const user = nextUser();
    const chats = chatsOf.get(user) ?? 0;
    const isNew = chats === 0 || random() < 0.3;
    if (isNew) chatsOf.set(user, chats + 1);
    // Who goes on with an old chat mostly does so with one of the last.
    const chat = isNew ? chats : chats - 1 - Math.floor(random() ** 3 * chats);
    return { user, chat: `${user}-${chat}`, turns: [...(dialogues[nextDialogue()] ?? [])] };
  };
  const sessions = Array.from({ length: ACTIVE_SESSIONS }, open);
  const steps: Step[] = [];
  while (steps.length < READS) {
    const place = Math.floor(random() * sessions.length);
    const session = sessions[place] ?? open();
    const { user, chat, turns } = session;
    const historyBytes = 300 + Math.min(50 * 400, written.get(chat) ?? 0);
    steps.push(
      { key: `user-${user}`, bytes: 400, kind: 'read' },
      { key: `chat-${chat}`, bytes: 500, kind: 'read' },
      { key: `history-${chat}`, bytes: historyBytes, kind: 'read' },
    );
    if (random() < VIEWS_SHARE) continue;
    const turn = turns.shift();
    if (turn === undefined) {
      sessions[place] = open();
      continue;
    }
    written.set(chat, (written.get(chat) ?? 0) + turn.text.length + 250);
    steps.push(
      { key: `chat-${chat}`, bytes: 0, kind: 'change' },
      { key: `history-${chat}`, bytes: 0, kind: 'change' },
    );
  }
  return steps;
}

function readDialogues(): readonly (readonly SgdTurn[])[] {
  const dialogues = new Map<string, SgdTurn[]>();
  for (const turn of readSgdSample().docs) {
    const turns = dialogues.get(turn.dialogue);
    if (turns === undefined) dialogues.set(turn.dialogue, [turn]);
    else turns.push(turn);
  }
  return [...dialogues.values()];
}
