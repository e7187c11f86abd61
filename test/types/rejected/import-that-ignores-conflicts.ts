// expect: TS2322
import { createMacroStore } from '../../../src/index.js';

const store = createMacroStore();

void store.vectors.import([], { onConflict: 'ignore' }); // here
