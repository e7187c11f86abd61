// expect: TS2339
import { createMacroStore } from '../../../src/index.js';

const store = createMacroStore();

void store.transaction((tx) => tx.vectors.index.status()); // here
