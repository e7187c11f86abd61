import { format, inspect } from 'node:util';

/** A word that must not come out where it was not asked for, in upper and lower case as an address may change it. */
export const CANARY = 'Canary7f3e';
/** A number of an embedding that must not either; any text form of it begins so. */
export const CANARY_NUMBER = 0.7310521;

const SECRETS = [/canary7f3e/i, /0\.73105/];

/** The ways in which a value gets into a log, a response or a terminal. */
function formsOf(value: unknown): Record<string, string> {
  const error = value instanceof Error ? value : undefined;
  return {
    text: `${value}`,
    message: error?.message ?? '',
    stack: error?.stack ?? '',
    json: JSON.stringify(value, withErrorFields) ?? '',
    inspect: inspect(value),
    'inspect, deep': inspect(value, { depth: 10 }),
    'inspect, with what is hidden': inspect(value, { depth: 10, showHidden: true, getters: true }),
    format: format('%s %o %O', value, value, value),
  };
}

/** Names the forms of a value that show a secret. */
export function leaksOf(value: unknown): string[] {
  return Object.entries(formsOf(value))
    .filter(([, text]) => SECRETS.some((secret) => secret.test(text)))
    .map(([form]) => form);
}

// As loggers that know errors do it.
function withErrorFields(_key: string, value: unknown): unknown {
  return value instanceof Error
    ? { ...value, name: value.name, message: value.message, stack: value.stack, cause: value.cause }
    : value;
}
