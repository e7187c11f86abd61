// expect: TS2678
import { createMacroStore } from '../../../src/index.js';

const store = createMacroStore();

const found = await store.users.findById('u');
if (found.isErr()) {
  switch (found.error.kind) {
    case 'conflict': // here
      break;
  }
}
