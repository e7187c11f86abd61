// expect: TS2322
import { createMacroStore } from '../../../src/index.js';

const store = createMacroStore();

void store.messages.append({ userId: 'u', chatId: 'c', role: 'bot', content: 'x' }); // here
