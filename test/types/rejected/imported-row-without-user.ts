// expect: TS2345
import { createMacroStore } from '../../../src/index.js';

const store = createMacroStore();

void store.vectors.import([{ chatId: 'c', content: 'x', embedding: [1] }]); // here
