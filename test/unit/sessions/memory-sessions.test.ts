import { sessionStoreContract } from '../../contract/session-store.js';
import { memoryPlace } from '../../contract/sessions-kit.js';

sessionStoreContract('sessions in memory', async () => memoryPlace());
