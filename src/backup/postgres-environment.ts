import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions, rootCertificates } from 'node:tls';
import pg from 'pg';

/** What tells a program of PostgreSQL where to connect. Its arguments would show in every process list. */
export interface PostgresEnvironment extends AsyncDisposable {
  readonly env: NodeJS.ProcessEnv;
  /** For further files of the program; removed with it. */
  readonly folder: string;
}

/**
 * The environment for the same place, role and TLS that the settings lead pg to. Variables that pg does not know, and
 * that would lead the program to another server, are taken out.
 */
export async function createEnvironment(
  settings: pg.ClientConfig,
  applicationName: string,
): Promise<PostgresEnvironment> {
  // Never connected: it resolves defaults as a connection of ours does.
  const { host, port, user, database, password } = new pg.Client(settings);
  const folder = await mkdtemp(join(tmpdir(), 'macro-store-backup-'));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    // biome-ignore lint/style/noProcessEnv: the program needs PATH, HOME and PG* as this process has them
    const { PGHOSTADDR, PGSERVICE, PGSERVICEFILE, ...inherited } = process.env;
    const env = {
      ...inherited,
      ...present({ PGHOST: host, PGUSER: user, PGDATABASE: database, PGPASSWORD: password }),
      PGPORT: String(port),
      PGAPPNAME: applicationName,
      ...(await tlsEnvironment(settings.ssl, folder)),
    };
    return { env, folder, [Symbol.asyncDispose]: remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function tlsEnvironment(ssl: pg.ClientConfig['ssl'], folder: string): Promise<NodeJS.ProcessEnv> {
  if (!ssl) return { PGSSLMODE: 'disable' };
  const options: ConnectionOptions = ssl === true ? {} : ssl;
  const file = async (name: string, content: unknown) => {
    if (content === undefined) return undefined;
    const path = join(folder, name);
    await writeFile(path, pem(content), { mode: 0o600 });
    return path;
  };
  const verifies = options.rejectUnauthorized !== false;
  return present({
    PGSSLMODE: verifies ? 'verify-full' : 'require',
    // A file that is not there: with the user's own in its default place, `require` would verify all the same.
    PGSSLROOTCERT: verifies
      ? await file('root.crt', options.ca ?? (await trustedRoots()))
      : join(folder, 'none.crt'),
    PGSSLCERT: await file('client.crt', options.cert),
    PGSSLKEY: await file('client.key', options.key),
  });
}

/** The roots that Node trusts, so that the program trusts the same servers. */
async function trustedRoots(): Promise<readonly string[]> {
  // biome-ignore lint/style/noProcessEnv: Node itself reads it from there, and does not tell what it found
  const { NODE_EXTRA_CA_CERTS: path } = process.env;
  // Node goes on without a file that it cannot read.
  const extra = path ? await readFile(path, 'utf8').catch(() => '') : '';
  return [...rootCertificates, extra];
}

/** One or several PEM texts, as Node's TLS options take them. */
function pem(content: unknown): string {
  return (Array.isArray(content) ? content : [content]).map(String).join('\n');
}

function present(values: Record<string, unknown>): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])),
  );
}
