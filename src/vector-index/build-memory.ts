import type { EmbeddingShape } from '../schema/embedding-shape.js';
import type { IndexCatalog } from './index-catalog.js';

const MB = 1024 * 1024;

// Of pgvector 0.8.0, from the rows after which it reports that its graph no longer fits: an element with its
// allocations, two links a neighbour on the lowest level (16 bytes each), and what a parallel build sets aside.
const ELEMENT_BYTES = 280;
const BYTES_PER_M = 32;
const RESERVED_BYTES = 3 * MB;

/** `maintenance_work_mem` of a build where the server's own is less. */
const DEFAULT_BUILD_BYTES = 256 * MB;

/** The memory that an HNSW build keeps its graph in, in bytes. */
export function graphBytes(rows: number, { dimensions, column }: EmbeddingShape, m: number): number {
  const vector = (column === 'halfvec' ? 2 : 4) * dimensions + 8;
  return RESERVED_BYTES + Math.ceil(rows * (vector + BYTES_PER_M * m + ELEMENT_BYTES));
}

/** What a build has unless it is told otherwise: the server's setting, at least 256 MB. */
export function defaultBuildBytes({
  maintenanceWorkMemBytes,
}: Pick<IndexCatalog, 'maintenanceWorkMemBytes'>) {
  return Math.max(maintenanceWorkMemBytes, DEFAULT_BUILD_BYTES);
}

/** In the server's unit. */
export const toSetting = (bytes: number) => `${Math.ceil(bytes / 1024)}kB`;

/** In whole megabytes, for people. */
export const toMegabytes = (bytes: number) => `${Math.ceil(bytes / MB)}MB`;

const UNITS: Readonly<Record<string, number>> = { kB: 1024, MB, GB: 1024 * MB, TB: 1024 * 1024 * MB };

/** `512MB` and the like: a whole number with the server's unit. */
export const MEMORY_SETTING = /^(\d{1,10})\s*(kB|MB|GB|TB)$/;

/** The bytes of a setting that {@link MEMORY_SETTING} has accepted. */
export function settingBytes(setting: string): number {
  const [, amount, unit = ''] = MEMORY_SETTING.exec(setting) ?? [];
  return Number(amount) * (UNITS[unit] ?? Number.NaN);
}
