// expect: TS2345
import { createMacroStore } from '../../../src/index.js';

const store = createMacroStore();
const work = async (): Promise<void> => undefined;

void store.transaction(work); // here
