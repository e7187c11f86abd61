// expect: TS2554
import { createMacroStore } from '../../../src/index.js';

const store = createMacroStore();

void store.vectorSearch.semanticSearch([1, 2, 3]); // here
