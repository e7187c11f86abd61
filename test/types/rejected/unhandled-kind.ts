// expect: TS1360
import { createMacroStore } from '../../../src/index.js';

const store = createMacroStore();

const deleted = await store.users.delete('u');
if (deleted.isErr()) {
  const { error } = deleted;
  switch (error.kind) {
    case 'conflict':
    case 'invalid-input':
      break;
    default:
      error satisfies never; // here
  }
}
