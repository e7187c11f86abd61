import { err, ok, type Result } from 'neverthrow';
import { z } from 'zod';
import { type InputIssue, invalidInput, type StoreError } from './errors.js';

/** Checks a caller's input against its schema; the error has every refused field by its path. */
export function checkInput<T>(
  operation: string,
  schema: z.ZodType<T>,
  input: unknown,
): Result<T, StoreError<'invalid-input'>> {
  const result = schema.safeParse(input);
  return result.success ? ok(result.data) : err(invalidInput(operation, inputIssues(result.error)));
}

/** zod's issues as ours. zod's messages name types and bounds, never the value. */
export function inputIssues(error: z.ZodError, prefix: readonly string[] = []): InputIssue[] {
  return error.issues.flatMap((issue): InputIssue[] => {
    const path = [...prefix, ...issue.path.map(String)];
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({ path: [...path, key].join('.'), message: 'is not a known field' }));
    }
    const message = issue.message.charAt(0).toLowerCase() + issue.message.slice(1);
    return [{ path: path.join('.') || 'input', message }];
  });
}

const ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const NO_ID = { error: 'must be a UUID' };

/** In lower case, as the server gives it back. */
export const id = z.string(NO_ID).regex(ID, NO_ID).toLowerCase();

/** What {@link id} takes. */
export const isId = (value: unknown): value is string => typeof value === 'string' && ID.test(value);

/** Page sizes: 1 to `max`, `defaultLimit` where absent. */
export const limit = (max: number, defaultLimit: number) => z.int().min(1).max(max).default(defaultLimit);

const NUL = '\u0000';

export const NOT_STORABLE = 'must be well-formed Unicode without NUL';

/** PostgreSQL stores no NUL, and a lone surrogate would come back as another character. */
export function isStorable(text: string): boolean {
  return !text.includes(NUL) && isWellFormed(text);
}

// String.prototype.isWellFormed is not in the ES2023 library types.
const isWellFormed = (text: string): boolean =>
  (text as unknown as { isWellFormed(): boolean }).isWellFormed();
