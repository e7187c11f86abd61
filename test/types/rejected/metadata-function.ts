// expect: TS2322
import { createMacroStore } from '../../../src/index.js';

const store = createMacroStore();
const message = { userId: 'u', chatId: 'c', messageId: 'm' };

void store.messages.update({ ...message, metadata: { run: () => 1 } }); // here
