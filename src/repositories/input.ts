import { z } from 'zod';
import type { JsonObject } from '../schema/column-types.js';

/** The largest text of a message or vector, in UTF-16 units. */
const MAX_CONTENT_LENGTH = 10_000_000;

const NUL = '\u0000';

/** PostgreSQL stores no NUL, and a lone surrogate would come back as another character. */
function isStorable(text: string): boolean {
  return !text.includes(NUL) && isWellFormed(text);
}

// String.prototype.isWellFormed is not in the ES2023 library types.
const isWellFormed = (text: string): boolean =>
  (text as unknown as { isWellFormed(): boolean }).isWellFormed();

const NOT_STORABLE = 'must be well-formed Unicode without NUL';
const text = (max: number) => z.string().max(max).refine(isStorable, { error: NOT_STORABLE });

export const content = text(MAX_CONTENT_LENGTH);
export const title = text(255).min(1);
export const personName = text(255);
export const email = text(255).regex(/^[^\s@]+@[^\s@]+$/, { error: 'must be an email address' });

export const cursor = z.string().max(200);

/** A JSON object as the text that is sent, or `null`. */
export const metadata = z
  .custom<JsonObject>((value) => typeof value === 'object' && value !== null && !Array.isArray(value), {
    error: 'must be a JSON object',
  })
  .nullish()
  .transform((value, context): string | null => {
    if (value == null) return null;
    try {
      const json = JSON.stringify(value);
      if (isStorable(json) && !/(?<!\\)(\\\\)*\\u0000/.test(json)) return json;
      context.addIssue({ code: 'custom', message: NOT_STORABLE });
    } catch {
      context.addIssue({ code: 'custom', message: 'must be JSON: no bigint, no reference to itself' });
    }
    return z.NEVER;
  });
