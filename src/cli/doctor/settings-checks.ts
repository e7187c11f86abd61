import type { ResolvedServerDatabase } from '../../config/database-config.js';
import { megabytes } from '../table.js';
import type { DatabaseFacts } from './database-facts.js';
import { type Check, type Finding, ok, problem } from './finding.js';

/** The server's settings beside those of the store. */
export interface SettingsFacts extends DatabaseFacts {
  readonly config: ResolvedServerDatabase;
}

/** The server stops taking writes at about 2.1 billion; autovacuum begins at 200 million to prevent it. */
const OLD_TRANSACTIONS = 1_000_000_000;

export const SETTINGS_CHECKS: readonly Check<SettingsFacts>[] = [
  checkConnections,
  checkSharedBuffers,
  checkDurability,
  checkAutovacuum,
  checkTransactionAge,
];

function checkConnections(facts: SettingsFacts): Finding {
  const id = 'settings.connections';
  const { config, maxConnections, usedConnections, roleConnections, databaseConnections } = facts;
  // A pooler opens connections of its own, as many as it was told to.
  if (config.pooler === 'transaction') return ok(id, 'those of the pooler are its own');
  const limits = [
    { name: 'max_connections less those reserved', value: maxConnections },
    { name: 'the CONNECTION LIMIT of the role', value: roleConnections },
    { name: 'the CONNECTION LIMIT of the database', value: databaseConnections },
  ];
  const tooLow = limits.find(({ value }) => value !== null && value < config.max);
  if (tooLow !== undefined) {
    const found = `the pool may open ${config.max} connections, and ${tooLow.name} is ${tooLow.value}`;
    return problem(id, 'error', found, 'lower database.max, raise the limit, or put a pooler in between');
  }
  if (usedConnections + config.max > maxConnections) {
    const found = `${usedConnections} connections are in use, and a pool of ${config.max} does not fit into ${maxConnections}`;
    return problem(
      id,
      'warn',
      found,
      'lower database.max, raise max_connections, or put a pooler in between',
    );
  }
  return ok(
    id,
    `a pool of ${config.max} fits into ${maxConnections}, of which ${usedConnections} are in use`,
  );
}

function checkSharedBuffers({ sharedBuffersBytes, searchIndexBytes }: SettingsFacts): Finding {
  const id = 'settings.shared-buffers';
  const buffers = megabytes(sharedBuffersBytes);
  const indexes = megabytes(searchIndexBytes);
  if (searchIndexBytes <= sharedBuffersBytes)
    return ok(id, `${buffers} hold the search indexes of ${indexes}`);
  const found = `the search indexes of ${indexes} do not fit into shared_buffers of ${buffers}`;
  return problem(id, 'warn', found, 'raise shared_buffers, to about a quarter of the memory of the server');
}

function checkDurability({ fsync, fullPageWrites }: SettingsFacts): Finding {
  const id = 'settings.durability';
  const off = [
    ...(fsync === 'off' ? ['fsync'] : []),
    ...(fullPageWrites === 'off' ? ['full_page_writes'] : []),
  ];
  if (off.length === 0) return ok(id, 'what is committed survives a power cut');
  return problem(id, 'error', `${off.join(' and ')} off: a power cut may lose the database`, 'turn them on');
}

function checkAutovacuum({ autovacuum }: SettingsFacts): Finding {
  const id = 'settings.autovacuum';
  if (autovacuum !== 'off') return ok(id, 'on');
  const found = 'autovacuum is off: dead rows stay, and plans go by old statistics';
  return problem(id, 'error', found, 'turn it on');
}

function checkTransactionAge({ transactionAge }: SettingsFacts): Finding {
  const id = 'postgres.transaction-age';
  const millions = `${Math.round(transactionAge / 1e6)} million transactions`;
  if (transactionAge < OLD_TRANSACTIONS) return ok(id, `${millions} since the last freeze`);
  const found = `${millions} since the last freeze; the server stops writes at 2,100 million`;
  return problem(
    id,
    'error',
    found,
    'end old transactions and unused replication slots, and run VACUUM FREEZE',
  );
}
