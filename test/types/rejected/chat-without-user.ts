// expect: TS2345
import { createMacroStore } from '../../../src/index.js';

const store = createMacroStore();

void store.chats.list({ limit: 10 }); // here
