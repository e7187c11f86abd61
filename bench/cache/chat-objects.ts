import { readSgdSample } from '../../test/support/sgd.js';

/** What applications keep: a user (0.2 kB), a chat with its last turns (3 kB), a page of history (30 kB). */
export const SIZES = [
  { label: '0.2 kB', bytes: 200 },
  { label: '3 kB', bytes: 3_000 },
  { label: '30 kB', bytes: 30_000 },
] as const;

export interface ChatObject {
  readonly id: string;
  readonly userId: string;
  readonly title: string;
  readonly messages: readonly { readonly role: string; readonly content: string; readonly at: string }[];
}

const { docs } = readSgdSample();

/** Real turns of real chats, as many as make so many bytes of JSON, about; the same for the same id. */
export function chatObject(id: string, bytes: number): ChatObject {
  const at = Number(/\d+$/.exec(id)?.[0] ?? 0);
  const messages: ChatObject['messages'][number][] = [];
  const chat = { id, userId: `user-${at % 100}`, title: `Chat ${at}`, messages };
  let size = JSON.stringify(chat).length;
  for (let place = 0; size < bytes; place += 1) {
    const turn = docs[(at * 31 + place) % docs.length];
    const [role, text] = [turn?.role ?? 'user', turn?.text ?? ''];
    const message = {
      role,
      content: text.slice(0, bytes - size),
      at: `2025-11-25T10:00:${10 + (place % 50)}Z`,
    };
    messages.push(message);
    size += JSON.stringify(message).length + 1;
  }
  return chat;
}
