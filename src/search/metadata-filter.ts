import { z } from 'zod';
import type { JsonValue } from '../schema/column-types.js';
import { MAX_PATH_LENGTH, metadataFilterIssues, TOO_LONG } from './metadata-filter-issues.js';
import { metadataFilterPath } from './metadata-filter-path.js';

export type JsonScalar = string | number | boolean | null;

/** What a condition can ask of its field. A field of another type than asked for is no match, never an error. */
export interface MetadataOperators {
  /** Same JSON type and same value. `null` is a value; a field that is not there equals nothing. */
  readonly eq: JsonScalar;
  /** Not `eq`: also true of a field that is not there. */
  readonly ne: JsonScalar;
  /** `eq` to one of these, 1,000 at most. None of them: nothing. */
  readonly in: readonly JsonScalar[];
  /** Not `in`: also true of a field that is not there. */
  readonly nin: readonly JsonScalar[];
  /**
   * Greater than this. Numbers compare with numbers, exactly and of any size; strings with strings, by code
   * point, so that dates as ISO 8601 in one time zone are in order. All else is false.
   */
  readonly gt: number | string;
  /** As `gt`, or equal. */
  readonly gte: number | string;
  /** As `gt`, but less. */
  readonly lt: number | string;
  /** As `gt`, but less or equal. */
  readonly lte: number | string;
  /** Whether the field is there, also with `null` for its value. */
  readonly exists: boolean;
  /**
   * A scalar: the field is an array with this among its items. An array: the field is an array that has
   * every item of it, in any order. An object: the field is an object that has every key of it with its
   * value. Items and values that are arrays or objects themselves need only be contained likewise, as with
   * jsonb's `@>`; a field that is a scalar contains nothing. 1,000 items at most in each, 8 deep.
   */
  readonly contains: JsonValue;
}

/** Filters joined. */
export interface MetadataGroups {
  /** All of them hold. None: everything. */
  readonly and: readonly MetadataFilter[];
  /** At least one of them holds. None: nothing. */
  readonly or: readonly MetadataFilter[];
  /** The exact complement: what the filter leaves out, texts without metadata included. */
  readonly not: MetadataFilter;
}

interface Keys extends MetadataOperators, MetadataGroups {}

/** `Key`, and none of the others. */
type Only<Key extends keyof Keys> = Pick<Keys, Key> & {
  readonly [Other in Exclude<keyof Keys, Key>]?: never;
};

/** One operator on one field. */
export type MetadataCondition = {
  [Operator in keyof MetadataOperators]: {
    /**
     * A string is one key of the metadata as it is, dots included; an array is the path of keys into nested
     * objects. 1–100 keys. There is no way into the items of an array but `contains`.
     */
    readonly field: string | readonly string[];
  } & Only<Operator>;
}[keyof MetadataOperators];

/**
 * Which texts to search, by their metadata. A text without metadata is searched as one with `{}`.
 *
 * Every filter holds or does not: there is no third value, as SQL's null would be, for a field that is not
 * there or of another type. At most 8 deep, 100 conditions, 10,000 characters a string, and 100,000 in all
 * in the form in which it is sent. `invalid-input` names the part that is wrong.
 *
 * @example
 * const filter: MetadataFilter = {
 *   and: [
 *     { field: 'lang', in: ['de', 'en'] },
 *     { field: ['source', 'page'], gte: 10 },
 *     { not: { field: 'tags', contains: 'draft' } },
 *   ],
 * };
 */
export type MetadataFilter =
  | { [Group in keyof MetadataGroups]: { readonly field?: never } & Only<Group> }[keyof MetadataGroups]
  | MetadataCondition;

/** A filter that was checked. */
export interface CheckedMetadataFilter {
  readonly filter: MetadataFilter;
  /** The same filter, see {@link metadataFilterPath}. */
  readonly path: string;
}

/**
 * Checks a filter. By hand, since the issues of a union would name all its members, and not the part that is
 * wrong; and it is in the way of every search.
 */
export const metadataFilter = z.unknown().transform((filter, context): CheckedMetadataFilter => {
  const issues = metadataFilterIssues(filter);
  for (const { path, message } of issues) context.addIssue({ code: 'custom', path, message });
  if (issues.length > 0) return z.NEVER;
  const checked = filter as MetadataFilter;
  const path = metadataFilterPath(checked);
  if (path.length <= MAX_PATH_LENGTH) return { filter: checked, path };
  context.addIssue({ code: 'custom', message: TOO_LONG });
  return z.NEVER;
});
