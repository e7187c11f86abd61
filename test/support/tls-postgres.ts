import { execFile } from 'node:child_process';
import { chmod, chown, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { queryOnce } from './database-admin.js';
import { type PostgresServer, startPostgresServer } from './postgres-server.js';
import { unprivilegedAccount } from './server-process.js';

/** A server that lets the superuser `app` in by TLS and password alone; its certificate is for `localhost`. */
export interface TlsPostgres extends AsyncDisposable {
  readonly server: PostgresServer;
  /** As `app`, with its password. */
  readonly url: string;
  /** PEM of the authority that signed the server's certificate. */
  readonly ca: string;
  /** PEM of another authority of the same name. */
  readonly otherCa: string;
}

const PASSWORD = 'correct-horse';
const execute = promisify(execFile);

export async function startTlsPostgres(): Promise<TlsPostgres> {
  const folder = await mkdtemp(join(tmpdir(), 'macro-store-tls-'));
  const file = (name: string) => join(folder, name);
  const openssl = (...args: string[]) => execute('openssl', args, { cwd: folder });
  const authority = async (name: string) => {
    const subject = ['-subj', '/CN=Test Authority', '-days', '2'];
    await openssl(
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      ...subject,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.crt`,
    );
    return readFile(file(`${name}.crt`), 'utf8');
  };
  const [ca, otherCa] = [await authority('ca'), await authority('other')];
  await openssl(
    'req',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-subj',
    '/CN=localhost',
    '-keyout',
    'server.key',
    '-out',
    'server.csr',
  );
  await writeFile(file('names'), 'subjectAltName=DNS:localhost');
  await openssl(
    'x509',
    '-req',
    '-in',
    'server.csr',
    '-CA',
    'ca.crt',
    '-CAkey',
    'ca.key',
    '-CAcreateserial',
    '-days',
    '2',
    '-extfile',
    'names',
    '-out',
    'server.crt',
  );
  await writeFile(
    file('pg_hba.conf'),
    `host all postgres 127.0.0.1/32 trust
hostssl all app 127.0.0.1/32 scram-sha-256
`,
  );
  // The server may run as another account, and takes no key that others may read.
  await Promise.all([folder, file('server.crt'), file('pg_hba.conf')].map((path) => chmod(path, 0o755)));
  await chmod(file('server.key'), 0o600);
  const account = unprivilegedAccount();
  if (account) await chown(file('server.key'), account.uid, account.gid);

  const server = await startPostgresServer({
    settings: {
      ssl: 'on',
      ssl_cert_file: file('server.crt'),
      ssl_key_file: file('server.key'),
      hba_file: file('pg_hba.conf'),
    },
  });
  await queryOnce(server.url, `create role app login superuser password '${PASSWORD}'`);
  return {
    server,
    url: `postgresql://app:${PASSWORD}@localhost:${server.port}/postgres`,
    ca,
    otherCa,
    async [Symbol.asyncDispose]() {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
