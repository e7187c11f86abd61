import type { JsonScalar } from './metadata-filter.js';

/**
 * A value in a `jsonpath`. JSON's literals are its own too: within quotes its lexer knows the escapes that
 * JSON.stringify writes for quote, backslash and control characters, and takes all others as they are.
 */
export const jsonpathLiteral = (value: JsonScalar): string => JSON.stringify(value);
