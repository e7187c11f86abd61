// expect: TS2345
import { createMacroStore } from '../../../src/index.js';

const store = createMacroStore({ rateLimits: { chat: { limit: 60, windowSeconds: 60 } } });
store.rateLimiter.consume('ada', 'chats'); // here
