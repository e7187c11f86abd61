export { type BetterAuthStorage, createBetterAuthStorage } from './better-auth.js';
export {
  createExpressSessionStore,
  type ExpressSessionMethods,
  type ExpressSessionStoreOptions,
  type StoredExpressSession,
} from './express-session.js';
