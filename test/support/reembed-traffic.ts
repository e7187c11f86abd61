import type { MacroStore } from '../../src/create-macro-store.js';
import type { Message } from '../../src/repositories/messages.js';
import { createUserWithChat, must } from './builders.js';
import { embeddingOf, type Model } from './embed-text.js';
import { appendTexts, findText } from './reembeddings.js';

type Chat = { readonly userId: string; readonly chatId: string };

/** One that goes on until it is stopped, or meets a failure. */
export interface Running extends AsyncDisposable {
  /** How often it did; throws what it met. */
  rounds(): number;
  stop(): Promise<number>;
}

function goOn(round: (number: number) => Promise<void>): Running {
  let isStopped = false;
  let failure: { readonly error: unknown } | null = null;
  let count = 0;
  const running = (async () => {
    for (; !isStopped; count += 1) await round(count);
  })().catch((error) => {
    failure = { error };
  });
  const rounds = () => {
    if (failure !== null) throw failure.error;
    return count;
  };
  return {
    rounds,
    async stop() {
      isStopped = true;
      await running;
      return rounds();
    },
    async [Symbol.asyncDispose]() {
      isStopped = true;
      await running;
    },
  };
}

/** A chat whose texts stay as they are, so that every search for one of them has one right answer. */
export async function createSteadyChat(
  store: MacroStore,
  model: Model,
  texts: number,
): Promise<Chat & { texts: readonly string[] }> {
  const chat = await createUserWithChat(store);
  const contents = Array.from({ length: texts }, (_, index) => `steady ${index} of ${chat.chatId}`);
  await appendTexts(store, chat, model, contents);
  return { ...chat, texts: contents };
}

/** Searches for one text after the other; a failed, empty or wrong answer ends it. */
export function startReader(
  store: MacroStore,
  model: Model,
  chat: Chat & { readonly texts: readonly string[] },
): Running {
  return goOn(async (round) => {
    const text = chat.texts[round % chat.texts.length] ?? '';
    const found = await findText(store, chat.userId, model, text);
    // Among thousands of texts another may be as near by chance, but never before the text itself.
    if (found[0] !== text) throw new Error(`"${text}" was not the first of ${found.length} found`);
  });
}

/** Adds, changes and deletes texts in turn, alone and in transactions; remembers what has to be there in the end. */
export function startWriter(store: MacroStore, model: Model, chat: Chat) {
  const expected = new Map<string, string>();
  const vectorOf = (content: string) => ({ content, embedding: embeddingOf(content, model) });
  const ids = () => [...expected.keys()];
  const pick = (round: number) => ids()[(round * 7) % Math.max(1, expected.size)];

  const running = goOn(async (round) => {
    const content = `written ${round}`;
    const some = pick(round);
    switch (round % 6) {
      case 0:
      case 1: {
        const message = await must(store.messages.append({ ...chat, role: 'user', ...vectorOf(content) }));
        expected.set(message.id, content);
        break;
      }
      case 2:
        if (some === undefined) break;
        await must(store.messages.update({ ...chat, messageId: some, ...vectorOf(content) }));
        expected.set(some, content);
        break;
      case 3:
        if (expected.size < 5 || some === undefined) break;
        await must(store.messages.delete({ ...chat, messageId: some }));
        expected.delete(some);
        break;
      case 4: {
        const messages = [0, 1, 2].map((part) => ({
          role: 'user' as const,
          ...vectorOf(`${content}.${part}`),
        }));
        const stored: readonly Message[] = await must(store.messages.appendMany({ ...chat, messages }));
        for (const message of stored) expected.set(message.id, message.content);
        break;
      }
      default: {
        if (some === undefined) break;
        const added = await must(
          store.transaction(({ messages }) =>
            messages
              .update({ ...chat, messageId: some, ...vectorOf(content) })
              .andThen(() => messages.append({ ...chat, role: 'user', ...vectorOf(`${content} too`) })),
          ),
        );
        expected.set(some, content);
        expected.set(added.id, added.content);
      }
    }
  });
  return { ...running, expected };
}
