// expect: TS2345
import { createMacroStore } from '../../../src/index.js';

const store = createMacroStore();

void store.vectors.count({ chatId: 'c' }); // here
