// All or nothing: an Err or a throw inside the work undoes everything it did. Needs no server.
import { createMacroStore } from '@macro-ai/store';
import { err } from 'neverthrow';

const store = createMacroStore();
const created = await store.users.create({ email: 'ada@example.com' });
if (created.isErr()) throw created.error;
const userId = created.value.id;
const countChats = () => store.chats.count({ userId }).unwrapOr(-1);

// Commits when the work gives an Ok. Inside, use what it is given and nothing of `store`.
const started = await store.transaction(({ chats, messages }) =>
  chats
    .create({ userId, title: 'Trip to Rome' })
    .andThen((chat) =>
      messages.append({ userId, chatId: chat.id, role: 'user', content: 'When is it warm?' }),
    ),
);
console.log(`committed: ${started.isOk()}, chats: ${await countChats()}`);

// Rolls back on an Err of yours; its type is part of the result's.
const refused = await store.transaction(({ chats }) =>
  chats.create({ userId, title: 'One too many' }).andThen(() => err('quota-reached' as const)),
);
console.log(`rolled back: ${refused.isErr() && refused.error}, chats: ${await countChats()}`);

// A savepoint: what fails inside it is undone, and the outer work goes on.
const partly = await store.transaction(async (outer) => {
  const chat = await outer.chats.create({ userId, title: 'Trip to Oslo' });
  await outer.transaction(({ chats }) =>
    chats.create({ userId, title: 'Not this one' }).andThen(() => err('changed-my-mind' as const)),
  );
  return chat;
});
console.log(`committed without the inner work: ${partly.isOk()}, chats: ${await countChats()}`);

await store.close();
