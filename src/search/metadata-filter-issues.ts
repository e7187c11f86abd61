import { isStorable, NOT_STORABLE } from '../input.js';

/** One part of a filter that was refused. No message repeats a value. */
export interface FilterIssue {
  readonly path: (string | number)[];
  readonly message: string;
}

/** In UTF-16 units, of the jsonpath that a filter becomes. */
export const MAX_PATH_LENGTH = 100_000;
export const TOO_LONG = `must be at most ${MAX_PATH_LENGTH} characters as a jsonpath`;

const MAX_DEPTH = 8;
const MAX_CONDITIONS = 100;
const MAX_KEYS = 100;
const MAX_ITEMS = 1_000;
const MAX_STRING_LENGTH = 10_000;

const GROUPS = ['and', 'or', 'not'];
const OPERATORS = ['eq', 'ne', 'in', 'nin', 'gt', 'gte', 'lt', 'lte', 'exists', 'contains'];
const ALTERNATIVES = new Set([...GROUPS, ...OPERATORS]);

/** How much of a filter was seen so far. */
interface Seen {
  conditions: number;
  /** Its path will have at least as many characters. */
  length: number;
}

type At = readonly (string | number)[];
type JsonRecord = Readonly<Record<string, unknown>>;

const NONE: readonly FilterIssue[] = [];

/** What is wrong with a filter of unknown origin; nothing: it is a `MetadataFilter` within all bounds. */
export function metadataFilterIssues(filter: unknown): readonly FilterIssue[] {
  return filterIssues({ conditions: 0, length: 0 }, [], filter, 1);
}

const issue = (at: At, message: string): readonly FilterIssue[] => [{ path: [...at], message }];
const issueOf = (at: At, problem: string | undefined) => (problem === undefined ? NONE : issue(at, problem));

function filterIssues(seen: Seen, at: At, filter: unknown, depth: number): readonly FilterIssue[] {
  if (!isRecord(filter)) return issue(at, 'must be a filter: an object of and, or, not, or a field');
  if (depth > MAX_DEPTH) return issue(at, `must be at most ${MAX_DEPTH} deep`);
  const keys = Object.keys(filter);
  const unknown = keys.filter((key) => key !== 'field' && !ALTERNATIVES.has(key));
  if (unknown.length > 0) return unknown.flatMap((key) => issue([...at, key], 'is not a known field'));
  const [kind, second] = keys.filter((key) => ALTERNATIVES.has(key));
  if (kind === undefined) return issue(at, 'must have and, or, not, or an operator beside its field');
  if (second !== undefined) return issue(at, `must have ${kind} or ${second}, not both: join them with and`);
  return GROUPS.includes(kind)
    ? groupIssues(seen, at, filter, kind, depth)
    : conditionIssues(seen, at, filter, kind);
}

function groupIssues(seen: Seen, at: At, filter: JsonRecord, kind: string, depth: number) {
  if (Object.hasOwn(filter, 'field')) return issue([...at, 'field'], `must not be beside ${kind}`);
  const inside = [...at, kind];
  const members = filter[kind];
  if (kind === 'not') return filterIssues(seen, inside, members, depth + 1);
  if (!Array.isArray(members)) return issue(inside, 'must be an array of filters');
  if (members.length > MAX_CONDITIONS) return issue(inside, `must have at most ${MAX_CONDITIONS} filters`);
  // An empty group counts too, or there could be any number of them.
  if (members.length === 0) return countIssues(seen, at);
  const issues: FilterIssue[] = [];
  for (const [index, member] of members.entries()) {
    issues.push(...filterIssues(seen, [...inside, index], member, depth + 1));
    // The rest says nothing new, and there may be no end of it.
    if (Math.max(seen.conditions, issues.length) > MAX_CONDITIONS || seen.length > MAX_PATH_LENGTH) break;
  }
  return issues;
}

function countIssues(seen: Seen, at: At): readonly FilterIssue[] {
  seen.conditions += 1;
  return seen.conditions > MAX_CONDITIONS
    ? issue(at, `is one too many: a filter has at most ${MAX_CONDITIONS} conditions`)
    : NONE;
}

function conditionIssues(seen: Seen, at: At, filter: JsonRecord, operator: string): readonly FilterIssue[] {
  const tooMany = countIssues(seen, at);
  if (tooMany.length > 0) return tooMany;
  const inField = fieldIssues(seen, [...at, 'field'], filter['field']);
  const inOperand = operandIssues(seen, [...at, operator], operator, filter[operator]);
  return inField.length === 0 ? inOperand : [...inField, ...inOperand];
}

function fieldIssues(seen: Seen, at: At, field: unknown): readonly FilterIssue[] {
  if (typeof field === 'string') return issueOf(at, stringProblem(seen, field));
  if (!Array.isArray(field)) return issue(at, 'must be a key, or an array of keys');
  if (field.length < 1 || field.length > MAX_KEYS) return issue(at, `must have 1–${MAX_KEYS} keys`);
  return firstIssue(at, field, (key) =>
    typeof key === 'string' ? stringProblem(seen, key) : 'must be a string',
  );
}

function operandIssues(seen: Seen, at: At, operator: string, operand: unknown): readonly FilterIssue[] {
  switch (operator) {
    case 'eq':
    case 'ne':
      return issueOf(at, scalarProblem(seen, operand));
    case 'in':
    case 'nin':
      if (!Array.isArray(operand)) return issue(at, 'must be an array of values');
      if (operand.length > MAX_ITEMS) return issue(at, `must have at most ${MAX_ITEMS} values`);
      return firstIssue(at, operand, (value) => scalarProblem(seen, value));
    case 'exists':
      return typeof operand === 'boolean' ? NONE : issue(at, 'must be true or false');
    case 'contains':
      // By the operand as a whole: the keys inside are the caller's data.
      return issueOf(at, jsonProblem(seen, operand, 0));
    default:
      return typeof operand === 'number' || typeof operand === 'string'
        ? issueOf(at, scalarProblem(seen, operand))
        : issue(at, 'must be a number or a string');
  }
}

function firstIssue(at: At, items: readonly unknown[], problemOf: (item: unknown) => string | undefined) {
  for (const [index, item] of items.entries()) {
    const problem = problemOf(item);
    if (problem !== undefined) return issue([...at, index], problem);
  }
  return NONE;
}

function stringProblem(seen: Seen, text: string): string | undefined {
  if (text.length > MAX_STRING_LENGTH) return `must be at most ${MAX_STRING_LENGTH} characters`;
  return isStorable(text) ? lengthProblem(seen, text.length) : NOT_STORABLE;
}

function scalarProblem(seen: Seen, value: unknown): string | undefined {
  if (typeof value === 'string') return stringProblem(seen, value);
  if (typeof value === 'number' && !Number.isFinite(value)) return 'must be a finite number';
  return typeof value === 'number' || typeof value === 'boolean' || value === null
    ? lengthProblem(seen, 1)
    : 'must be a string, a number, a boolean or null';
}

function jsonProblem(seen: Seen, value: unknown, depth: number): string | undefined {
  if (typeof value !== 'object' || value === null) return scalarProblem(seen, value);
  if (depth === MAX_DEPTH) return `must be at most ${MAX_DEPTH} deep`;
  if (!Array.isArray(value) && !isRecord(value)) return 'must be JSON';
  const keys = Array.isArray(value) ? [] : Object.keys(value);
  const items: readonly unknown[] = Array.isArray(value) ? value : Object.values(value);
  if (items.length > MAX_ITEMS) return `must have at most ${MAX_ITEMS} items`;
  return (
    lengthProblem(seen, 1) ??
    firstProblem(keys, (key) => stringProblem(seen, key)) ??
    firstProblem(items, (item) => jsonProblem(seen, item, depth + 1))
  );
}

function firstProblem<T>(items: readonly T[], problemOf: (item: T) => string | undefined) {
  for (const item of items) {
    const problem = problemOf(item);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** As it is found and not in the end: one object a thousand times in a thousand others has no end. */
function lengthProblem(seen: Seen, length: number): string | undefined {
  seen.length += length;
  return seen.length > MAX_PATH_LENGTH ? TOO_LONG : undefined;
}

/** A plain object: of this realm or another, or without a prototype. */
function isRecord(value: unknown): value is JsonRecord {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
