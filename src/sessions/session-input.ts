import { z } from 'zod';
import { isStorable, NOT_STORABLE } from '../input.js';

const MAX_LIFETIME_SECONDS = 400 * 24 * 3600;
const MAX_IP_LENGTH = 64;
const MAX_USER_AGENT_LENGTH = 512;

/** Seconds above 0; under a millisecond there is nothing to keep. */
export const lifetime = z.number().min(0.001).max(MAX_LIFETIME_SECONDS);

const userId = z.string().min(1).max(255).refine(isStorable, { error: NOT_STORABLE });

// A client says what it likes here, and signing in must not fail for it.
const deviceText = (maxLength: number) =>
  z
    .string()
    .nullish()
    .transform((text) => text?.slice(0, maxLength).replace(/[\p{Cc}\p{Surrogate}]/gu, '\ufffd') ?? null);

export const newSession = (defaults: { readonly idleSeconds: number; readonly lifetimeSeconds: number }) =>
  z
    .strictObject({
      userId,
      data: z.unknown(),
      device: z
        .strictObject({ ip: deviceText(MAX_IP_LENGTH), userAgent: deviceText(MAX_USER_AGENT_LENGTH) })
        .default({ ip: null, userAgent: null }),
      idleSeconds: lifetime.optional(),
      lifetimeSeconds: lifetime.default(defaults.lifetimeSeconds),
      epoch: z.string().min(1).max(64).optional(),
    })
    .refine(
      ({ idleSeconds, lifetimeSeconds }) => idleSeconds === undefined || idleSeconds <= lifetimeSeconds,
      {
        path: ['idleSeconds'],
        error: 'must not be above lifetimeSeconds',
      },
    )
    .transform(({ idleSeconds = defaults.idleSeconds, ...session }) => ({
      ...session,
      idleSeconds: Math.min(idleSeconds, session.lifetimeSeconds),
    }));

export const tokenInput = z.strictObject({ token: z.string({ error: 'must be a string' }) });
export const getInput = tokenInput.extend({ touch: z.boolean().default(true) });
export const updateInput = tokenInput.extend({ data: z.unknown(), version: z.int().min(1) });
export const userInput = z.strictObject({ userId });
export const sessionRef = z.strictObject({ userId, id: z.string().max(64) });
export const revokeAllInput = userInput.extend({ except: z.string().optional() });

/** Whole milliseconds, as Redis takes them. */
export function toMs(seconds: number): number {
  return Math.max(1, Math.round(seconds * 1000));
}
