// expect: TS2322
import { createMacroStore } from '../../../src/index.js';

const store = createMacroStore();

void store.vectorSearch.semanticSearch(['a'], 'u'); // here
