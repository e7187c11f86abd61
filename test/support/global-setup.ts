import type { TestProject } from 'vitest/node';
import {
  createDatabase,
  dropDatabasesOfRun,
  TEMPLATE_DATABASE_SUFFIX,
  withDatabase,
} from './database-admin.js';
import { startServices } from './services.js';
import { migrateTemplate } from './template.js';

declare module 'vitest' {
  export interface ProvidedContext {
    postgresUrl: string;
    redisUrl: string;
    /** Databases of this run are named with this; several runs may share a server. */
    databasePrefix: string;
    postgresBinDir: string | undefined;
    redisBinary: string | undefined;
    pgbouncerBinary: string | undefined;
  }
}

/** Servers and the migrated template database for a whole run; the returned function ends them. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const services = await startServices();
  const { postgres, redis } = services;
  const prefix = `macro_store_test_${process.pid}_${Date.now().toString(36)}_`;
  const teardown = async () => {
    // A server of our own goes with all its databases; on a borrowed one nothing of ours may stay.
    await dropDatabasesOfRun(postgres.url, prefix);
    await services.stop();
  };
  try {
    await createDatabase(postgres.url, { name: prefix + TEMPLATE_DATABASE_SUFFIX });
    await migrateTemplate(withDatabase(postgres.url, prefix + TEMPLATE_DATABASE_SUFFIX));
  } catch (error) {
    await teardown();
    throw error;
  }
  project.provide('postgresUrl', postgres.url);
  project.provide('redisUrl', redis.url);
  project.provide('databasePrefix', prefix);
  project.provide('postgresBinDir', postgres.binDir);
  project.provide('redisBinary', redis.binary);
  project.provide('pgbouncerBinary', postgres.pgbouncer);
  return teardown;
}
