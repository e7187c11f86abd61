import { notFound, type StoreError, storeError } from '../errors.js';

/** Redis is out of reach, or did not say that it has done it. */
export function unconfirmed(operation: string): StoreError<'unavailable'> {
  return storeError('unavailable', operation, 'Redis did not confirm it in time');
}

export function missingSession(operation: string): StoreError<'not-found'> {
  return notFound(operation, 'session');
}

const OVERTAKEN = {
  version: ['session-version', 'the session was changed since this version of it was read'],
  epoch: ['session-epoch', 'all sessions of the user were ended since this epoch was read'],
  full: ['sessions-per-user', 'the user has as many sessions as sessions.maxPerUser allows'],
} as const;

export function overtaken(operation: string, by: keyof typeof OVERTAKEN): StoreError<'conflict'> {
  const [constraint, message] = OVERTAKEN[by];
  return storeError('conflict', operation, message, { constraint });
}
