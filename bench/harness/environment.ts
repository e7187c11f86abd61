import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'tsup';
import { createDatabase, dropDatabase, withDatabase } from '../../test/support/database-admin.js';
import { startServices } from '../../test/support/services.js';

const ROOT = new URL('../../', import.meta.url);
const PEERS = new URL('bench/peers/', ROOT);
const LIBRARY = 'temp/bench';

/** A database of one's own on the server that the tests would use, too. */
export interface Environment extends AsyncDisposable {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  /** One more, as empty. */
  anotherDatabase(): Promise<string>;
  /** Of Node and the server. */
  readonly versions: Readonly<Record<string, string>>;
}

/** The settings are those of the server, where it is we who start it. */
export async function openEnvironment(
  postgresSettings: Readonly<Record<string, string>> = {},
): Promise<Environment> {
  const services = await startServices(postgresSettings);
  const serverUrl = services.postgres.url;
  const names: string[] = [];
  const anotherDatabase = async () => {
    const name = `macro_bench_${randomUUID().slice(0, 8)}`;
    await createDatabase(serverUrl, { name });
    names.push(name);
    return withDatabase(serverUrl, name);
  };
  return {
    databaseUrl: await anotherDatabase(),
    redisUrl: services.redis.url,
    anotherDatabase,
    versions: {
      node: process.versions.node,
      postgres: services.postgres.version,
      pgvector: services.postgres.vectorVersion,
      redis: services.redis.version,
    },
    async [Symbol.asyncDispose]() {
      for (const name of names) await dropDatabase(serverUrl, name);
      await services.stop();
    },
  };
}

/**
 * The library as the package has it. tsx would do to run `src`, but it gives every closure its name at run
 * time, which costs a short call some microseconds.
 */
export async function loadLibrary(): Promise<typeof import('../../src/index.js')> {
  await build({
    entry: { index: fileURLToPath(new URL('src/index.ts', ROOT)) },
    outDir: fileURLToPath(new URL(LIBRARY, ROOT)),
    format: ['esm'],
    dts: false,
    silent: true,
  });
  return builtLibrary();
}

/** As {@link loadLibrary}, for a process of one that has built it. */
export function builtLibrary(): Promise<typeof import('../../src/index.js')> {
  return import(new URL(`${LIBRARY}/index.js`, ROOT).href);
}

/** What a file of `bench/peers` exports; installs the packages there with the first use. */
export async function loadPeer<Peer>(file: string): Promise<Peer> {
  if (!existsSync(new URL('node_modules/.package-lock.json', PEERS))) {
    console.log('peers: installing the libraries to compare with into bench/peers');
    execFileSync('npm', ['ci', '--loglevel=error'], { cwd: PEERS, stdio: 'inherit' });
  }
  return import(new URL(file, PEERS).href);
}

/** The installed version of a package of ours, or of `bench/peers`. */
export function versionOf(packageName: string, from: 'root' | 'peers' = 'root'): string {
  const base = from === 'root' ? ROOT : PEERS;
  const manifest = new URL(`node_modules/${packageName}/package.json`, base);
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
}
