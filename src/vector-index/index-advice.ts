import { toMegabytes } from './build-memory.js';
import type { IndexCatalog } from './index-catalog.js';
import type { IndexAdvice, VectorIndexStatus } from './vector-index-status.js';

/** Above so many rows of one user a graph answers sooner than the codes. */
export const LARGE_USER_ROWS = 8_000;

const MANY_DEAD_ROWS = 1_000;
const MANY_DEAD_SHARE = 0.1;

type Facts = Omit<VectorIndexStatus, 'advice'> & { readonly isDifferent: boolean };

/** What to do about an index, most pressing first; empty when it is well. */
export function adviceFor(index: Facts, catalog: IndexCatalog): readonly IndexAdvice[] {
  return [...standing(index, catalog), ...memory(index), ...bloat(index, catalog)];
}

function standing(index: Facts, { largestUserRows }: IndexCatalog): IndexAdvice[] {
  if (index.isBuilding) return [];
  if (index.isDifferent) {
    const message = `${index.name} indexes something else; drop or rename it, then call vectors.index.ensure()`;
    return [{ code: 'differs', message }];
  }
  if (index.exists) {
    if (index.isValid) return [];
    return [
      {
        code: 'invalid',
        message: `${index.name} was left by a build that was cut off; call vectors.index.ensure()`,
      },
    ];
  }
  if (index.kind !== 'hnsw') {
    return [{ code: 'missing', message: `${index.name} is not there; call vectors.index.ensure()` }];
  }
  if ((largestUserRows ?? 0) <= LARGE_USER_ROWS) return [];
  const message = `a user has about ${largestUserRows} vectors; above ${LARGE_USER_ROWS} a graph answers sooner: call vectors.index.ensure({ hnsw: true })`;
  return [{ code: 'build-hnsw', message }];
}

function memory({ name, buildMemory }: Facts): IndexAdvice[] {
  if (buildMemory === null || buildMemory.neededBytes <= buildMemory.availableBytes) return [];
  const needed = toMegabytes(buildMemory.neededBytes);
  const message =
    `a build of ${name} needs about ${needed} and has ${toMegabytes(buildMemory.availableBytes)}; one that does not ` +
    `fit is many times slower: pass maintenanceWorkMem: '${needed}'`;
  return [{ code: 'raise-maintenance-work-mem', message }];
}

function bloat({ name, kind, exists, hnsw }: Facts, { liveRows, deadRows }: IndexCatalog): IndexAdvice[] {
  const areMany = deadRows >= MANY_DEAD_ROWS && deadRows >= liveRows * MANY_DEAD_SHARE;
  if (hnsw === null || !exists || !areMany) return [];
  const message = `${deadRows} dead rows: call vectors.index.rebuild('${kind}') before VACUUM, which is slow to take them out of ${name}`;
  return [{ code: 'reindex-before-vacuum', message }];
}
