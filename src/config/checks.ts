import type { ConnectionOptions } from 'node:tls';
import { z } from 'zod';

/** A configuration with these fields filled in. */
export type Filled<T, K extends keyof T> = T & { readonly [P in K]-?: NonNullable<T[P]> };

const MAX_TIMER_MILLIS = 2_147_483_647;
export const millis = z.int().min(1).max(MAX_TIMER_MILLIS);

export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

export function hasMethods(value: unknown, names: readonly string[]): boolean {
  return (
    isObject(value) && names.every((name) => typeof (value as Record<string, unknown>)[name] === 'function')
  );
}

export function objectOf<T>(message: string, fits: (value: unknown) => boolean): z.ZodType<T> {
  return z.custom<T>(fits, { error: message });
}

export function urlOf(protocols: readonly string[]) {
  const message = `must be a ${protocols.map((protocol) => `${protocol}//`).join(' or ')} URL`;
  return z.string({ error: message }).refine(
    (value) => {
      try {
        const { protocol, username, password, hostname, pathname } = new URL(value);
        for (const part of [username, password, hostname, pathname]) decodeURIComponent(part);
        return protocols.includes(protocol);
      } catch {
        return false;
      }
    },
    { error: message },
  );
}

export const tlsSetting = z.union([
  z.boolean(),
  objectOf<ConnectionOptions>("must be true, false or Node's TLS options", isObject),
]);
