import type { JsonScalar, MetadataFilter } from './metadata-filter.js';

/** A key of the metadata, and the values of which it must have one. */
export interface IndexedCondition {
  readonly field: string;
  readonly values: readonly JsonScalar[];
}

/**
 * What a filter demands of the fields that have an index: its `eq` and `in` conditions on a key of
 * `indexedFields`, where the filter cannot hold without them. Necessary, not sufficient: the filter itself
 * is still to be applied. Without values, nothing can match.
 */
export function indexedConditions(
  filter: MetadataFilter,
  indexedFields: readonly string[],
): readonly IndexedCondition[] {
  if (filter.and !== undefined)
    return filter.and.flatMap((member) => indexedConditions(member, indexedFields));
  const values = filter.eq !== undefined ? [filter.eq] : filter.in;
  if (values === undefined) return [];
  const [field, nested] = typeof filter.field === 'string' ? [filter.field] : (filter.field ?? []);
  if (field === undefined || nested !== undefined || !indexedFields.includes(field)) return [];
  return [{ field, values }];
}
