// expect: TS2353
import { createMacroStore } from '../../../src/index.js';

const store = createMacroStore();

void store.vectorSearch.semanticSearch([1], 'u', { topK: 5 }); // here
