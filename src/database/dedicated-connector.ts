import type { ResolvedConfig } from '../config.js';
import { connectionSettings } from './connection-settings.js';
import type { Database } from './database.js';
import {
  type ConnectionPurpose,
  connectDedicated,
  connectEmbedded,
  connectFromPool,
  type DedicatedConnection,
} from './dedicated-connection.js';

export type OpenDedicated = (purpose: ConnectionPurpose) => Promise<DedicatedConnection>;

/** How to reach a store's database for long work: directly, and never through its pool where we own that. */
export function dedicatedConnector(
  config: ResolvedConfig['database'],
  { openEmbedded }: Pick<Database, 'openEmbedded'>,
): OpenDedicated {
  if (config.kind === 'borrowed') return () => connectFromPool(config.pool);
  if (config.kind === 'server') {
    const settings = connectionSettings(config.migrationUrl ?? config.url, config.tls);
    return (purpose) => connectDedicated(settings, purpose);
  }
  return async ({ operation }) => {
    if (openEmbedded === null) throw new Error('an embedded configuration has an embedded database');
    return connectEmbedded(await openEmbedded(operation));
  };
}
