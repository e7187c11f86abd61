// expect: TS2322
import type { MetadataFilter } from '../../../src/search/metadata-filter.js';

export const filter: MetadataFilter = { field: 'size', gte: 1, lt: 10 }; // here
