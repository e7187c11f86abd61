// expect: TS2353
import { createMacroStore } from '../../../src/index.js';

const store = createMacroStore();

void store.messages.list({ userId: 'u', chatId: 'c', pageSize: 10 }); // here
