import { z } from 'zod';
import { isStorable, NOT_STORABLE } from '../input.js';
import type { JsonObject } from '../schema/column-types.js';

/** The largest text of a message or vector, in UTF-16 units. */
const MAX_CONTENT_LENGTH = 10_000_000;

const text = (max: number) => z.string().max(max).refine(isStorable, { error: NOT_STORABLE });

export const content = text(MAX_CONTENT_LENGTH);
export const title = text(255).min(1);
export const personName = text(255);
export const email = text(255).regex(/^[^\s@]+@[^\s@]+$/, { error: 'must be an email address' });

export const cursor = z.string().max(200);

// JSON.stringify escapes NUL and lone surrogates, and no other surrogate; `\\u0000` is a text of its own.
const UNSTORABLE_ESCAPE = /(?<!\\)(\\\\)*\\u(0000|d[89a-f][0-9a-f]{2})/;

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
      // A Date or another object that JSON makes something else of would not come back as an object.
      if (!json.startsWith('{')) context.addIssue({ code: 'custom', message: 'must be a JSON object' });
      else if (UNSTORABLE_ESCAPE.test(json)) context.addIssue({ code: 'custom', message: NOT_STORABLE });
      else return json;
    } catch {
      context.addIssue({ code: 'custom', message: 'must be JSON: no bigint, no reference to itself' });
    }
    return z.NEVER;
  });
