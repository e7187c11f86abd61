// Loads a sample of real chats, embeds and stores them, and answers questions by meaning.
//
//   npm run demo -- "a room with wifi"
//   npm run demo                          asks for questions until an empty line
//   npm run demo -- --user evenings "somewhere to eat"
//
// Runs embedded unless DATABASE_URL and REDIS_URL name servers; a second run on those finds its data there.
import { createInterface } from 'node:readline/promises';
import { parseArgs } from 'node:util';
import { createMacroStore, isStoreError } from '@macro-ai/store';
import type { ResultAsync } from 'neverthrow';
import { DIMENSIONS, type Embed, loadModel, THRESHOLD } from './demo/model.js';
import { readSample, type SampleUser } from './demo/sample.js';
import { createProgress, cut, printTable, printTime, timed } from './demo/terminal.js';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { user: { type: 'string' }, limit: { type: 'string', default: '5' } },
});
const { DATABASE_URL, REDIS_URL } = process.env;

const users = readSample();
const user = values.user === undefined ? users[0] : users.find(({ name }) => name === values.user);
if (user === undefined) {
  console.error(`--user: one of ${users.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}

const store = createMacroStore({
  embedding: { dimensions: DIMENSIONS },
  ...(DATABASE_URL ? { database: { url: DATABASE_URL } } : {}),
  ...(REDIS_URL ? { redis: { url: REDIS_URL } } : {}),
});

try {
  console.log(`database: ${DATABASE_URL ? 'the server of DATABASE_URL' : 'embedded, in memory'}`);
  console.log(`cache:    ${REDIS_URL ? 'memory, and the server of REDIS_URL' : 'memory'}\n`);
  await timed('migrate', migrate, (applied) => `${applied} migrations`);
  const embed = await timed('load model', loadModel);
  await loadChats(embed);
  for await (const question of questions()) await answer(question, user, embed);
} catch (error) {
  if (!isStoreError(error)) throw error;
  console.error(`\n${error.kind}: ${error.message}`);
  process.exitCode = 1;
} finally {
  await store.close();
}

async function migrate(): Promise<number> {
  return (await orThrow(store.migrate())).applied.length;
}

/** Stores what is not stored yet, each chat with its messages and vectors in one go. */
async function loadChats(embed: Embed): Promise<void> {
  const missing: { userId: string; chat: SampleUser['chats'][number] }[] = [];
  await timed(
    'load',
    async () => {
      for (const { id: userId, name, chats } of users) {
        await orThrow(store.users.create({ id: userId, email: `${name}@example.com` }));
        for (const chat of chats) {
          await orThrow(store.chats.create({ id: chat.id, userId, title: chat.title }));
          const stored = await orThrow(store.vectors.count({ userId, chatId: chat.id }));
          if (stored < chat.turns.length) missing.push({ userId, chat });
        }
      }
    },
    () =>
      `${users.flatMap(({ chats }) => chats).length} chats of ${users.length} users, ${missing.length} of them new`,
  );

  const total = missing.reduce((sum, { chat }) => sum + chat.turns.length, 0);
  const progress = createProgress('embed and store', total);
  const spent = { embedMs: 0, storeMs: 0 };
  let done = 0;
  for (const { userId, chat } of missing) {
    const started = performance.now();
    const embeddings = await embed(chat.turns.map((turn) => turn.content));
    const embedded = performance.now();
    const messages = chat.turns.map((turn, index) => ({
      ...turn,
      metadata: { role: turn.role }, // a hit carries its message's metadata
      embedding: embeddings[index] ?? [],
    }));
    await orThrow(store.messages.appendMany({ userId, chatId: chat.id, messages }));
    spent.embedMs += embedded - started;
    spent.storeMs += performance.now() - embedded;
    done += chat.turns.length;
    progress(done);
  }
  if (total === 0) return;
  const perSecond = (ms: number) => `${total} turns, ${Math.round((total / ms) * 1000)} a second`;
  printTime('embed', spent.embedMs, perSecond(spent.embedMs));
  printTime('store', spent.storeMs, perSecond(spent.storeMs));
}

/** The question of the command line, or else those typed in, until an empty line. */
async function* questions(): AsyncGenerator<string> {
  if (positionals.length > 0) {
    yield positionals.join(' ');
    return;
  }
  const input = createInterface({
    input: process.stdin,
    output: process.stdout,
    terminal: process.stdin.isTTY,
  });
  input.setPrompt('\nquestion: ');
  input.prompt();
  for await (const line of input) {
    if (line.trim() === '') break;
    yield line.trim();
    input.prompt();
  }
  input.close();
}

async function answer(question: string, { id: userId, name }: SampleUser, embed: Embed): Promise<void> {
  console.log(`\n${name} asks: ${question}`);
  const loadsBefore = store.cache.stats().loads;
  // A question asked again costs no second call of the model.
  const embedQuestion = () =>
    orThrow(store.cache.getOrSet(`demo:question:${question.slice(0, 500)}`, () => embed([question])));
  const [embedding = []] = await timed('embed question', embedQuestion, () =>
    store.cache.stats().loads > loadsBefore ? 'by the model, now cached' : 'from the cache',
  );
  const hits = await timed(
    'search',
    () =>
      orThrow(
        store.vectorSearch.semanticSearch(embedding, userId, {
          limit: Number(values.limit),
          threshold: THRESHOLD,
        }),
      ),
    (found) => `${found.length} hits of similarity ${THRESHOLD} or more`,
  );

  const chats = await orThrow(store.chats.list({ userId, limit: 200 }));
  const titles = new Map(chats.items.map((chat) => [chat.id, chat.title]));
  console.log();
  printTable(
    ['similarity', 'role', 'chat', 'text'],
    hits.map((hit) => [
      hit.similarity.toFixed(3),
      String(hit.metadata?.['role']),
      cut(titles.get(hit.chatId) ?? '', 32),
      hit.content,
    ]),
  );
}

/** The value, or its error thrown: a script has nobody to hand a Result to. */
async function orThrow<T>(result: ResultAsync<T, unknown>): Promise<T> {
  const settled = await result;
  if (settled.isErr()) throw settled.error;
  return settled.value;
}
