// expect: TS18047
import { createMacroStore } from '../../../src/index.js';

const store = createMacroStore();

const found = await store.users.findById('u');
if (found.isOk()) console.log(found.value.email); // here
