// expect: TS2322
import type { MetadataFilter } from '../../../src/search/metadata-filter.js';

export const filter: MetadataFilter = { field: ['pages', 0], eq: 1 }; // here
