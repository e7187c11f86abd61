import type { ResolvedServerDatabase } from '../../config/database-config.js';
import { connectionSettings, isLocal } from '../../database/connection-settings.js';
import { type Check, type Finding, ok, problem } from './finding.js';

/** Ways to the database, by what the doctor found on them. */
export interface ConnectionFacts {
  readonly config: ResolvedServerDatabase;
  /** Whether the URL of the pool, and that of migrations, lead to a pooler in transaction mode. */
  readonly isPooled: boolean;
  readonly isDirectPooled: boolean;
}

export const CONNECTION_CHECKS: readonly Check<ConnectionFacts>[] = [
  checkTls,
  checkPoolerSetting,
  checkDirectUrl,
];

function checkTls({ config }: ConnectionFacts): Finding {
  const id = 'database.tls';
  const { host = '', ssl } = connectionSettings(config.url, config.tls);
  if (isLocal(host)) return ok(id, 'not needed: the server is on this machine');
  if (!ssl) {
    const found = 'passwords and rows go over the network in plain text';
    return problem(
      id,
      'warn',
      found,
      'leave out sslmode=disable and tls: false, and give the server a certificate',
    );
  }
  if (typeof ssl === 'object' && ssl.rejectUnauthorized === false) {
    const found = "the server's certificate is not verified, so anybody in between may answer";
    return problem(
      id,
      'warn',
      found,
      'give its authority as database.tls.ca, without rejectUnauthorized: false',
    );
  }
  return ok(id, 'on, and verified');
}

function checkPoolerSetting({ config, isPooled }: ConnectionFacts): Finding {
  const id = 'database.pooler';
  if (isPooled === (config.pooler === 'transaction')) {
    return ok(id, isPooled ? 'in transaction mode, as configured' : 'none in transaction mode');
  }
  if (isPooled) {
    return problem(
      id,
      'error',
      'DATABASE_URL leads to a pooler in transaction mode, and the store takes it for a direct connection',
      "set database.pooler to 'transaction', or MACRO_STORE_POOLER=transaction",
    );
  }
  return problem(
    id,
    'info',
    "database.pooler is 'transaction', and no such pooler was found",
    "set it to 'none', which allows prepared statements and costs less a query",
  );
}

function checkDirectUrl({ isDirectPooled }: ConnectionFacts): Finding {
  const id = 'database.direct-url';
  if (!isDirectPooled) return ok(id, 'migrations and index builds have a direct connection');
  return problem(
    id,
    'error',
    'migrations, index builds and backups hold session locks, and have no way around the pooler',
    'set database.migrationUrl, or MACRO_STORE_MIGRATION_URL, to the server itself',
  );
}
