import { z } from 'zod';

/** Sessions; the defaults are in {@link SESSION_DEFAULTS}. All seconds are above 0 and at most 400 days. */
export interface SessionsConfig {
  /** A session ends after so long without use; at most `lifetimeSeconds`. */
  readonly idleSeconds?: number;
  /** A session ends after so long, however much it is used. */
  readonly lifetimeSeconds?: number;
  /** Use is noted at most once in so long, which is a write; below `idleSeconds`, and 0 for each use. */
  readonly touchIntervalSeconds?: number;
  /** Sessions of one user, 1–1,000. */
  readonly maxPerUser?: number;
  /** At `maxPerUser`: end the session that was unused longest, or refuse the new one. */
  readonly whenFull?: 'end-oldest' | 'refuse';
  /** Bound on the data of one session, in bytes of its encoding; at most 1 MiB. */
  readonly maxDataBytes?: number;
  /**
   * Keeps sessions in PostgreSQL too: they outlive a flush or an outage of Redis, and there without Redis. Needs the
   * migration `0008_sessions`, and costs a transaction a change and a write an interval. Default `false`.
   */
  readonly durable?: boolean;
}

export const SESSION_DEFAULTS = {
  idleSeconds: 7 * 24 * 3600,
  lifetimeSeconds: 30 * 24 * 3600,
  touchIntervalSeconds: 60,
  maxPerUser: 100,
  whenFull: 'end-oldest',
  maxDataBytes: 64 * 1024,
  durable: false,
} as const;

const MAX_SESSION_SECONDS = 400 * 24 * 3600;
const sessionSeconds = z.number().min(0.001).max(MAX_SESSION_SECONDS);

// What is silent follows what is not: a lifetime of an hour needs no word on idle time.
export const sessions = z
  .strictObject({
    idleSeconds: sessionSeconds.optional(),
    lifetimeSeconds: sessionSeconds.default(SESSION_DEFAULTS.lifetimeSeconds),
    touchIntervalSeconds: z.number().min(0).max(MAX_SESSION_SECONDS).optional(),
    maxPerUser: z.int().min(1).max(1_000).default(SESSION_DEFAULTS.maxPerUser),
    whenFull: z.enum(['end-oldest', 'refuse']).default(SESSION_DEFAULTS.whenFull),
    maxDataBytes: z
      .int()
      .min(1)
      .max(1024 * 1024)
      .default(SESSION_DEFAULTS.maxDataBytes),
    durable: z.boolean().default(SESSION_DEFAULTS.durable),
  })
  .transform((given) => {
    const idleSeconds = given.idleSeconds ?? Math.min(SESSION_DEFAULTS.idleSeconds, given.lifetimeSeconds);
    const touchIntervalSeconds =
      given.touchIntervalSeconds ?? Math.min(SESSION_DEFAULTS.touchIntervalSeconds, idleSeconds / 10);
    return { ...given, idleSeconds, touchIntervalSeconds };
  })
  .refine(({ idleSeconds, lifetimeSeconds }) => idleSeconds <= lifetimeSeconds, {
    path: ['idleSeconds'],
    message: 'must not be above sessions.lifetimeSeconds',
  })
  .refine(({ touchIntervalSeconds, idleSeconds }) => touchIntervalSeconds < idleSeconds, {
    path: ['touchIntervalSeconds'],
    message: 'must be below sessions.idleSeconds',
  });
