import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { createEnvironment } from '../../../src/backup/postgres-environment.js';

const SETTINGS = { host: 'db.example.com', user: 'ada', password: 'secret', database: 'chat', port: 5433 };

afterEach(() => vi.unstubAllEnvs());

describe('createEnvironment', () => {
  test('leads to the server of the settings, whatever the variables of this process name', async () => {
    vi.stubEnv('PGHOSTADDR', '192.0.2.1');
    vi.stubEnv('PGSERVICE', 'production');
    vi.stubEnv('PGSERVICEFILE', '/etc/services');
    vi.stubEnv('PGHOST', 'other');
    await using environment = await createEnvironment({ ...SETTINGS, ssl: false }, 'test');
    expect(environment.env).toMatchObject({
      PGHOST: 'db.example.com',
      PGPORT: '5433',
      PGUSER: 'ada',
      PGPASSWORD: 'secret',
      PGDATABASE: 'chat',
      PGSSLMODE: 'disable',
    });
    for (const name of ['PGHOSTADDR', 'PGSERVICE', 'PGSERVICEFILE']) {
      expect(environment.env).not.toHaveProperty(name);
    }
  });

  test('trusts the roots that Node trusts, those of NODE_EXTRA_CA_CERTS too', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'macro-store-roots-'));
    await writeFile(join(folder, 'extra.pem'), 'the extra root');
    vi.stubEnv('NODE_EXTRA_CA_CERTS', join(folder, 'extra.pem'));
    const environment = await createEnvironment({ ...SETTINGS, ssl: true }, 'test');
    const path = environment.env['PGSSLROOTCERT'] ?? '';
    const roots = await readFile(path, 'utf8');
    expect(environment.env['PGSSLMODE']).toBe('verify-full');
    expect(roots).toContain(rootCertificates[0]);
    expect(roots).toContain('the extra root');
    await environment[Symbol.asyncDispose]();
    await expect(access(path)).rejects.toThrow('ENOENT');
    await rm(folder, { recursive: true });
  });

  test('verifies nothing where the settings do not, also beside a root in its default place', async () => {
    vi.stubEnv('PGSSLROOTCERT', fileURLToPath(import.meta.url));
    await using environment = await createEnvironment(
      { ...SETTINGS, ssl: { rejectUnauthorized: false } },
      'test',
    );
    expect(environment.env['PGSSLMODE']).toBe('require');
    await expect(access(environment.env['PGSSLROOTCERT'] ?? '')).rejects.toThrow('ENOENT');
  });
});
