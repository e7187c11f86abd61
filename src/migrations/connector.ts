import type { ResolvedConfig } from '../config.js';
import { connectionSettings } from '../database/connection-settings.js';
import type { Database } from '../database/database.js';
import {
  connectDedicated,
  connectEmbedded,
  connectFromPool,
  type MigrationConnection,
} from './connection.js';

/** How to reach a store's database for a migration: directly, and never through its pool where we own that. */
export function migrationConnector(
  config: ResolvedConfig['database'],
  { openEmbedded }: Pick<Database, 'openEmbedded'>,
): () => Promise<MigrationConnection> {
  if (config.kind === 'borrowed') return () => connectFromPool(config.pool);
  if (config.kind === 'server') {
    const settings = connectionSettings(config.migrationUrl ?? config.url, config.tls);
    return () => connectDedicated(settings);
  }
  return async () => {
    if (openEmbedded === null) throw new Error('an embedded configuration has an embedded database');
    return connectEmbedded(await openEmbedded('store.migrate'));
  };
}
