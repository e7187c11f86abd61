import { randomBytes } from 'node:crypto';

const PROCESS_TOKEN = randomBytes(9).toString('base64url');
let madeIds = 0;

/** Never made twice, by any process; quickly made. */
export function uniqueId(): string {
  madeIds += 1;
  return `${PROCESS_TOKEN}.${madeIds.toString(36)}`;
}

/** Nobody can guess it, and it is never made twice. */
export function randomToken(): string {
  return randomBytes(12).toString('base64url');
}
