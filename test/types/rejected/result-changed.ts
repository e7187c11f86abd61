// expect: TS2540
import { createMacroStore } from '../../../src/index.js';

const store = createMacroStore();

const chat = await store.chats.getById({ userId: 'u', chatId: 'c' });
if (chat.isOk()) chat.value.title = 'x'; // here
