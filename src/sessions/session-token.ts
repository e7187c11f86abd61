import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** What a token says: where its session is, and the hash of its secret. Whether there is one is not said. */
export interface Credentials {
  /** Finds all that is kept of a user, without saying who it is. */
  readonly userTag: string;
  readonly id: string;
  readonly secretHash: string;
}

/** A token and what is kept of it. */
export interface IssuedToken {
  readonly token: string;
  readonly credentials: Credentials;
}

const USER_TAG_LENGTH = 22;
export const SESSION_ID_LENGTH = 16;
const SECRET_BYTES = 32;
const TOKEN = /^([\w-]{22})\.([\w-]{16})\.([\w-]{43})$/;

/**
 * 132 bits of the hash of the user's id. A token has to say whose it is, since a session is found by it alone
 * and lies in its user's slot of a cluster; the id itself may be an address and has no place in a cookie.
 */
export function userTagOf(userId: string): string {
  return sha256(userId).slice(0, USER_TAG_LENGTH);
}

/** A new token for a session: `<user tag>.<session id>.<256-bit secret>`, 83 characters that fit a cookie as they are. */
export function issueToken(userTag: string, id: string): IssuedToken {
  const secret = randomBytes(SECRET_BYTES).toString('base64url');
  return { token: `${userTag}.${id}.${secret}`, credentials: { userTag, id, secretHash: sha256(secret) } };
}

export function newSessionId(): string {
  return randomBytes((SESSION_ID_LENGTH * 3) / 4).toString('base64url');
}

/** How long an epoch is known of a user without sessions: as long as signing in may take. */
export const EPOCH_MS = 3_600_000;

/** See `SessionTier.epoch`. */
export function newEpoch(): string {
  return randomBytes(16).toString('base64url');
}

/** `null`: not a token of ours, whoever made it. */
export function parseToken(token: string): Credentials | null {
  const [, userTag, id, secret] = TOKEN.exec(token) ?? [];
  if (userTag === undefined || id === undefined || secret === undefined) return null;
  return { userTag, id, secretHash: sha256(secret) };
}

/** In constant time. */
export function isSameHash(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}
