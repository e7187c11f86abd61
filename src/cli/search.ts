import { errAsync, okAsync, type ResultAsync } from 'neverthrow';
import { notFound, type StoreError } from '../errors.js';
import type { HybridSearchResult, MessageHit, SemanticSearchResult, StrategyName } from '../index.js';
import type { Call, Command } from './command.js';
import { UsageError } from './options.js';
import { embedQuestion } from './question-embedding.js';
import { oneLine, table } from './table.js';

/** What was found, and by what. */
export type Found =
  | { readonly by: 'words'; readonly hits: readonly MessageHit[] }
  | {
      readonly by: 'meaning';
      readonly hits: readonly SemanticSearchResult[];
      readonly strategy: StrategyName;
      readonly scopeRows: number;
      readonly serverMs: number;
    }
  | { readonly by: 'meaning-and-words'; readonly hits: readonly HybridSearchResult[] };

export const searchCommand: Command<Found> = {
  summary: 'try a question on the texts of one user',
  usage: '"<question>" --user <id or email> [options]',
  maxWords: 1,
  about: [
    `Without a model it searches by words, in messages. By meaning it needs the embedding of the question, made by
the model that made those in the database:
  --embed-module ./embed.mjs   a module of yours with: export async function embed(text) { return [0.1, …]; }
  --embedding question.json    a file with the numbers, as a model's HTTP interface gives them
Then it searches by meaning, in vectors; with --hybrid by meaning and words at once.`,
    `Similarity is that of the cosine, 1 at most. By meaning only texts of 0.7 and more are shown, unless --threshold
says otherwise; "none" shows the nearest, however far.`,
  ],
  options: {
    user: { value: '<id>', help: 'whose texts: the id of the user, or the email' },
    chat: { value: '<id>', help: 'in this chat only' },
    limit: { value: '<n>', help: 'hits at most; default 10' },
    threshold: { value: '<x>', help: 'the least similarity, -1–1, or none; default 0.7, with --hybrid none' },
    'embed-module': {
      value: '<file>',
      help: 'the module with embed(text); default MACRO_STORE_EMBED_MODULE',
    },
    embedding: { value: '<file>', help: 'the embedding of the question, as JSON' },
    hybrid: { help: 'by meaning and words; needs an embedding' },
  },
  examples: [
    ['search "refund" --user ada@example.com', 'by words, without a model'],
    ['search "can I get my money back" --user ada@example.com --embed-module ./embed.mjs', 'by meaning'],
    ['search "order 4711" --user ada@example.com --embedding q.json --hybrid --json', 'by both, as JSON'],
  ],

  run(call): ResultAsync<Found, StoreError> {
    const { words, options } = call;
    const [question] = words;
    if (!question) throw new UsageError('search: which question? Give it in quotation marks');
    const user = options.text('user');
    if (!user) throw new UsageError('search: whose texts? Give --user');
    const wanted = { question, limit: options.wholeNumber('limit'), chatId: options.text('chat') };
    const threshold = thresholdOf(call);
    return embedQuestion(call, question).andThen((embedding) => {
      if (embedding === null && (options.flag('hybrid') || threshold !== undefined)) {
        throw new UsageError('--hybrid and --threshold need --embed-module or --embedding');
      }
      return findUserId(call, user).andThen((userId) =>
        search(call, { ...wanted, userId, embedding, threshold }),
      );
    });
  },

  describe(found, width) {
    if (found.hits.length === 0) return ['nothing found'];
    const rows = found.hits.map((hit) => [
      'rank' in hit ? hit.rank.toFixed(3) : hit.similarity.toFixed(3),
      hit.createdAt.toISOString().slice(0, 16).replace('T', ' '),
      'score' in hit ? `${hit.vectorRank ?? '-'}/${hit.textRank ?? '-'}` : hit.chatId,
      oneLine(hit.content),
    ]);
    const headings = {
      words: ['rank', 'when', 'chat', 'text'],
      meaning: ['similarity', 'when', 'chat', 'text'],
      'meaning-and-words': ['similarity', 'when', 'places', 'text'],
    }[found.by];
    const how =
      found.by === 'meaning'
        ? [
            `${found.strategy}, ${found.scopeRows} vectors in scope, ${found.serverMs.toFixed(1)} ms on the server`,
          ]
        : [];
    return [...table(headings, rows, width), ...how];
  },
};

interface Wanted {
  readonly question: string;
  readonly userId: string;
  readonly chatId: string | undefined;
  readonly limit: number | undefined;
  readonly embedding: readonly number[] | null;
  readonly threshold: number | null | undefined;
}

function search({ store, options, signal }: Call, wanted: Wanted): ResultAsync<Found, StoreError> {
  const { question, userId, chatId, limit, embedding, threshold } = wanted;
  const scope = { ...(chatId !== undefined && { chatId }), ...(limit !== undefined && { limit }) };
  const calling = { ...(signal !== undefined && { signal }) };
  if (embedding === null) {
    return store.messages
      .search({ userId, query: question, ...scope }, calling)
      .map((hits): Found => ({ by: 'words', hits }));
  }
  const vector = [...embedding];
  const settings = { ...scope, ...calling, ...(threshold !== undefined && { threshold }) };
  if (options.flag('hybrid')) {
    return store.vectorSearch
      .hybridSearch({ text: question, embedding: vector }, userId, settings)
      .map((hits): Found => ({ by: 'meaning-and-words', hits }));
  }
  return store.vectorSearch.search(vector, userId, settings).map(
    ({ hits, strategy, scopeRows, serverMs }): Found => ({
      by: 'meaning',
      hits,
      strategy,
      scopeRows,
      serverMs,
    }),
  );
}

function findUserId({ store }: Call, user: string): ResultAsync<string, StoreError> {
  if (!user.includes('@')) return okAsync(user);
  return store.users
    .findByEmail(user)
    .andThen((found) => (found === null ? errAsync(notFound('cli.search', 'user')) : okAsync(found.id)));
}

function thresholdOf({ options }: Call): number | null | undefined {
  return options.text('threshold') === 'none' ? null : options.number('threshold');
}
