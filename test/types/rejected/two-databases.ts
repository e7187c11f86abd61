// expect: TS2322
import { createMacroStore } from '../../../src/index.js';

createMacroStore({ database: { url: 5 } }); // here
