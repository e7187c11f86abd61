import type { JsonValue } from '../schema/column-types.js';
import { jsonpathLiteral } from './jsonpath-literal.js';
import type { JsonScalar, MetadataCondition, MetadataFilter } from './metadata-filter.js';
import { valueListPath } from './value-list-path.js';

/**
 * A filter as one `jsonpath`, a parameter of `jsonb_path_match(metadata, path, '{}', true)`: one statement
 * serves all filters, and no type of any field makes it fail.
 *
 * `strict`, since `lax` would look into arrays unasked. There a comparison is unknown when the field is not
 * there or of another type. Unknown is no match as it stands, and no match joined by `&&` and `||`, but
 * `!` leaves it unknown; {@link negated} does not.
 */
export function metadataFilterPath(filter: MetadataFilter): string {
  return `strict ${predicate(filter)}`;
}

const EVERYTHING = '1 == 1';
const NOTHING = '1 == 0';

function predicate(filter: MetadataFilter): string {
  if (filter.and !== undefined) return joined(filter.and, ' && ', EVERYTHING);
  if (filter.or !== undefined) return joined(filter.or, ' || ', NOTHING);
  if (filter.not !== undefined) return negated(predicate(filter.not));
  return condition(filter);
}

function joined(filters: readonly MetadataFilter[], by: string, none: string): string {
  return filters.length === 0 ? none : `(${filters.map(predicate).join(by)})`;
}

/** Also of an unknown predicate: as a path's filter it selects nothing, and so `exists` is plainly false. */
function negated(of: string): string {
  return `!exists($ ? (${of}))`;
}

function condition(asked: MetadataCondition): string {
  const field = `$${(typeof asked.field === 'string' ? [asked.field] : asked.field).map(member).join('')}`;
  if (asked.eq !== undefined) return `${field} == ${jsonpathLiteral(asked.eq)}`;
  if (asked.ne !== undefined) return negated(`${field} == ${jsonpathLiteral(asked.ne)}`);
  if (asked.in !== undefined) return isOneOf(field, asked.in);
  if (asked.nin !== undefined) return negated(isOneOf(field, asked.nin));
  if (asked.gt !== undefined) return `${field} > ${jsonpathLiteral(asked.gt)}`;
  if (asked.gte !== undefined) return `${field} >= ${jsonpathLiteral(asked.gte)}`;
  if (asked.lt !== undefined) return `${field} < ${jsonpathLiteral(asked.lt)}`;
  if (asked.lte !== undefined) return `${field} <= ${jsonpathLiteral(asked.lte)}`;
  if (asked.exists !== undefined) return asked.exists ? `exists(${field})` : negated(`exists(${field})`);
  const { contains } = asked;
  return isScalar(contains) ? hasItem(field, contains) : `exists(${field} ? (${containsAll(contains)}))`;
}

function isOneOf(field: string, values: readonly JsonScalar[]): string {
  if (values.length === 0) return NOTHING;
  return `exists(${field} ? (${valueListPath(values)}))`;
}

/** Whether `@` is such an array or object. Every step is relative to `@`: no key is written twice. */
function containsAll(value: Exclude<JsonValue, JsonScalar>): string {
  if (isArray(value)) {
    return ['@.type() == "array"', ...value.map((item) => hasItem('@', item))].join(' && ');
  }
  const entries = Object.entries(value).map(([key, expected]) => {
    const inside = `@${member(key)}`;
    return isScalar(expected)
      ? `${inside} == ${jsonpathLiteral(expected)}`
      : `exists(${inside} ? (${containsAll(expected)}))`;
  });
  return ['@.type() == "object"', ...entries].join(' && ');
}

function hasItem(array: string, item: JsonValue): string {
  return `exists(${array}[*] ? (${isScalar(item) ? `@ == ${jsonpathLiteral(item)}` : containsAll(item)}))`;
}

const member = (key: string): string => `.${jsonpathLiteral(key)}`;

function isScalar(value: JsonValue): value is JsonScalar {
  return typeof value !== 'object' || value === null;
}

// Array.isArray does not tell a readonly array from an object.
function isArray(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}
