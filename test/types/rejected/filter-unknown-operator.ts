// expect: TS2353
import type { MetadataFilter } from '../../../src/search/metadata-filter.js';

export const filter: MetadataFilter = { field: 'name', like: 'a%' }; // here
