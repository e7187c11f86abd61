// expect: TS2741
import { createMacroStore } from '../../../src/index.js';

createMacroStore({ rateLimits: { chat: { limit: 60 } } }); // here
