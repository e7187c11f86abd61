// expect: TS2345
import { createMacroStore } from '../../../src/index.js';

const store = createMacroStore();

void store.messages.append({ chatId: 'c', role: 'user', content: 'x' }); // here
