import type { DatabaseFacts } from './database-facts.js';
import { type Check, type Finding, ok, problem } from './finding.js';

const MINIMUM_SERVER = 150_000;
const MINIMUM_VECTOR = [0, 8] as const;

export const SERVER_CHECKS: readonly Check<DatabaseFacts>[] = [
  checkVersion,
  checkRecovery,
  checkEncoding,
  checkVector,
  checkSchemaRights,
  checkTableRights,
  checkStatistics,
  checkStatisticsRight,
];

function checkVersion({ version, versionNumber }: DatabaseFacts): Finding {
  const id = 'postgres.version';
  if (versionNumber >= MINIMUM_SERVER) return ok(id, `PostgreSQL ${version}`);
  return problem(id, 'error', `PostgreSQL ${version} is below 15`, 'upgrade the server to 15 or later');
}

function checkRecovery({ isInRecovery }: DatabaseFacts): Finding {
  const id = 'postgres.writable';
  if (!isInRecovery) return ok(id, 'takes writes');
  return problem(id, 'error', 'it is a replica, and takes no writes', 'connect to the primary');
}

function checkEncoding({ encoding }: DatabaseFacts): Finding {
  const id = 'postgres.encoding';
  if (encoding === 'UTF8') return ok(id, encoding);
  const advice = "create the database anew with ENCODING 'UTF8', and restore into it";
  return problem(
    id,
    'error',
    `the database holds ${encoding}, which not every text can be written in`,
    advice,
  );
}

function checkVector({
  vectorVersion,
  availableVectorVersion,
  isVectorInSight,
  role,
}: DatabaseFacts): Finding {
  const id = 'postgres.vector';
  if (vectorVersion === null) {
    if (availableVectorVersion === null) {
      const advice = 'install the package of pgvector 0.8 or later for this PostgreSQL version on the server';
      return problem(id, 'error', 'pgvector is not installed on the server', advice);
    }
    const advice =
      'run macro-store migrate, or have a superuser run CREATE EXTENSION vector in this database';
    return problem(id, 'error', 'the extension "vector" is not in this database', advice);
  }
  if (isBelow(vectorVersion, MINIMUM_VECTOR)) {
    const advice = 'install pgvector 0.8 or later, and run ALTER EXTENSION vector UPDATE';
    return problem(id, 'error', `pgvector ${vectorVersion} is below 0.8`, advice);
  }
  if (!isVectorInSight) {
    const advice = `add its schema to the search path: ALTER ROLE ${role} SET search_path = public, <its schema>`;
    return problem(id, 'error', "pgvector is in a schema outside this role's search_path", advice);
  }
  return ok(id, `pgvector ${vectorVersion}`);
}

function checkSchemaRights({ schema, mayCreate, role }: DatabaseFacts): Finding {
  const id = 'rights.schema';
  if (schema === null) {
    const advice = 'create the first schema of the search path, or set another search_path';
    return problem(id, 'error', "no schema of this role's search_path exists", advice);
  }
  if (mayCreate) return ok(id, `may create in schema ${schema}`);
  const found = `${role} may not create in schema ${schema}: it can serve, and cannot migrate`;
  return problem(id, 'info', found, `migrate as the owner, or GRANT CREATE ON SCHEMA ${schema} TO ${role}`);
}

function checkTableRights({ lackingRights, role }: DatabaseFacts): Finding {
  const id = 'rights.tables';
  if (lackingRights.length === 0) return ok(id, 'may read and write the tables');
  const found = `${role} lacks ${lackingRights.join(', ')}`;
  return problem(id, 'error', found, `as the owner: GRANT SELECT, INSERT, UPDATE, DELETE on them TO ${role}`);
}

function checkStatistics({ isStatisticsPreloaded, hasStatisticsExtension }: DatabaseFacts): Finding {
  const id = 'statistics.statements';
  if (!isStatisticsPreloaded) {
    const advice =
      'add it to shared_preload_libraries, restart the server, and CREATE EXTENSION pg_stat_statements';
    return problem(id, 'warn', 'pg_stat_statements is not loaded, so slow queries are not seen', advice);
  }
  if (hasStatisticsExtension) return ok(id, 'pg_stat_statements is there');
  const advice = 'run CREATE EXTENSION pg_stat_statements in this database';
  return problem(id, 'warn', 'pg_stat_statements is loaded, but not in this database', advice);
}

function checkStatisticsRight({ mayReadAllStats, role }: DatabaseFacts): Finding {
  const id = 'rights.statistics';
  if (mayReadAllStats) return ok(id, 'may read all statistics');
  const found = `${role} sees the statistics of its own statements only`;
  return problem(id, 'warn', found, `GRANT pg_read_all_stats TO ${role}`);
}

function isBelow(version: string, [minimumMajor, minimumMinor]: readonly [number, number]): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major < minimumMajor || (major === minimumMajor && minor < minimumMinor);
}
