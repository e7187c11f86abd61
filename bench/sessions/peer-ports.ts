import type { IncomingMessage, ServerResponse } from 'node:http';
import type { BetterAuthStorage, ExpressSessionMethods } from '../../src/adapters/index.js';

/** What the suite uses of other session libraries; `bench/peers/sessions.ts` has it. */
export interface SessionPeers {
  readonly expressSession: ExpressSession;
  openConnectRedis(redisUrl: string, prefix: string): Promise<Opened<ExpressSessionMethods>>;
  openRedisStorage(redisUrl: string, keyPrefix: string): Opened<BetterAuthStorage>;
  openBetterAuth(storage: BetterAuthStorage): Promise<BetterAuthSessions>;
}

export type Opened<T> = { readonly value: T; close(): Promise<void> };

export interface ExpressSession {
  (
    options: object,
  ): (request: SessionRequest, response: ServerResponse, next: (error?: unknown) => void) => void;
  readonly Store: abstract new () => object;
}

export interface SessionRequest extends IncomingMessage {
  session?: { [field: string]: unknown; destroy(done: (error?: unknown) => void): void };
}

/** Sessions as better-auth keeps them in its secondary storage. */
export interface BetterAuthSessions {
  createUser(): Promise<string>;
  /** The token. */
  create(userId: string): Promise<string>;
  isSession(token: string): Promise<boolean>;
  refresh(token: string): Promise<void>;
  end(token: string): Promise<void>;
  endAll(userId: string): Promise<void>;
  /** The tokens. */
  list(userId: string): Promise<readonly string[]>;
}
