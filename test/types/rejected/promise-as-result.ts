// expect: TS2339
import { createMacroStore } from '../../../src/index.js';

const store = createMacroStore();

const page = store.chats.list({ userId: 'u' });
console.log(page.value); // here
