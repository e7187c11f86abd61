// expect: TS2339
import { createMacroStore } from '../../../src/index.js';

const store = createMacroStore();

const chat = await store.chats.getById({ userId: 'u', chatId: 'c' });
console.log(chat.title); // here
