import { embeddingColumnSql, parseEmbeddingType } from '../database/embedding-column.js';
import { ownRelation } from '../database/own-relation.js';
import { storeError } from '../errors.js';
import type { VectorsOf } from './reembedding.js';
import type { ReembedRun } from './run-settings.js';
import { CURRENT } from './table-names.js';

/** What the table in use is of; its shape from the catalog. */
export async function currentVectors(run: ReembedRun, model: string | null): Promise<VectorsOf> {
  const [row] = await run.connection.query<{ type: string }>(embeddingColumnSql(ownRelation(`'${CURRENT}'`)));
  const shape = row === undefined ? null : parseEmbeddingType(row.type);
  if (shape === null) {
    throw storeError('not-migrated', run.operation, `the table ${CURRENT} is not there; run store.migrate()`);
  }
  return { ...shape, model };
}
