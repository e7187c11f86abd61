import { describe, expect, it } from 'vitest';
import { indexedConditions } from '../../../src/search/indexed-conditions.js';
import type { MetadataFilter } from '../../../src/search/metadata-filter.js';

const lang: MetadataFilter = { field: 'lang', eq: 'de' };
const status: MetadataFilter = { field: 'status', in: ['open', null, 1] };
const ofLang = { field: 'lang', values: ['de'] };
const ofStatus = { field: 'status', values: ['open', null, 1] };

describe('indexedConditions', () => {
  it.each<[string, MetadataFilter, object[]]>([
    ['the filter itself', lang, [ofLang]],
    ['a list', status, [ofStatus]],
    ['an empty list', { field: 'lang', in: [] }, [{ field: 'lang', values: [] }]],
    ['members of and', { and: [lang, status, lang] }, [ofLang, ofStatus, ofLang]],
    ['and within and', { and: [{ and: [{ and: [lang] }, status] }] }, [ofLang, ofStatus]],
    ['a path of one key', { field: ['lang'], eq: 'de' }, [ofLang]],
    ['null', { field: 'lang', eq: null }, [{ field: 'lang', values: [null] }]],
    [
      'false beside others',
      { and: [{ or: [status] }, { field: 'lang', eq: false }] },
      [{ field: 'lang', values: [false] }],
    ],
  ])('finds %s', (_what, filter, conditions) => {
    expect(indexedConditions(filter, ['status', 'lang'])).toEqual(conditions);
  });

  it.each<[string, MetadataFilter]>([
    ['other fields', { field: 'Lang', eq: 'de' }],
    ['nested fields', { field: ['lang', 'status'], eq: 'de' }],
    ['nested fields that look like a declared one', { field: ['a', 'b'], eq: 'de' }],
    ['what an alternative asks for', { or: [lang, status] }],
    ['what is negated', { and: [{ not: lang }, { not: { not: lang } }] }],
    [
      'other operators',
      {
        and: [
          { field: 'lang', ne: 'de' },
          { field: 'lang', nin: ['de'] },
          { field: 'lang', gte: 'de' },
        ],
      },
    ],
    ['arrays that contain', { field: 'lang', contains: 'de' }],
    ['everything', { and: [] }],
  ])('passes over %s', (_what, filter) => {
    expect(indexedConditions(filter, ['lang', 'status', 'a.b'])).toEqual([]);
  });

  it('finds nothing where no field has an index', () => {
    expect(indexedConditions({ and: [lang, status] }, [])).toEqual([]);
  });
});
