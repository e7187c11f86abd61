// The program of the README: one chat, and a search by meaning. Needs no server.
import { createMacroStore } from '@macro-ai/store';

// Your model makes the embeddings; three numbers a text stand in for it here.
const store = createMacroStore({ embedding: { dimensions: 3 } });

const found = await store.users
  .create({ email: 'ada@example.com' })
  .andThen((user) => store.chats.create({ userId: user.id, title: 'Dinner' }))
  .andThen(({ userId, id: chatId }) =>
    store.messages
      .appendMany({
        userId,
        chatId,
        messages: [
          { role: 'user', content: 'Where can I eat pasta?', embedding: [0.9, 0.1, 0.2] },
          { role: 'assistant', content: 'It will rain tomorrow.', embedding: [0.1, 0.9, 0.3] },
        ],
      })
      .andThen(() => store.vectorSearch.semanticSearch([0.8, 0.2, 0.1], userId)),
  );

if (found.isOk()) for (const hit of found.value) console.log(hit.similarity.toFixed(2), hit.content);
else console.error(found.error.kind, found.error.message);
await store.close();
