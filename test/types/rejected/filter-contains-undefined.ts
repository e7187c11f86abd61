// expect: TS2375
import type { MetadataFilter } from '../../../src/search/metadata-filter.js';

export const filter: MetadataFilter = { field: 'tags', contains: undefined }; // here
