// expect: TS2353
import { createMacroStore } from '../../../src/index.js';

createMacroStore({ db: { url: 'postgresql://localhost/chat' } }); // here
