import { type StoreError, storeError } from '../errors.js';
import { missingParent } from './rows.js';

const PARENTS = {
  chat_vectors_user_id_chat_id_fkey: 'chat',
  chat_vectors_user_id_message_id_fkey: 'message',
} as const;

/** A violated foreign key of `chat_vectors` as the chat or message that is not there. */
export const missingVectorParent = (operation: string) => missingParent(operation, PARENTS);

/** The id is that of another vector, which stays as it is. */
export function vectorIdTaken(operation: string, cause?: unknown): StoreError<'conflict'> {
  const message = 'another vector has this id';
  return storeError('conflict', operation, message, { constraint: 'chat_vectors_pkey' }, cause);
}
