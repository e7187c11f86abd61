import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { BackupsConfig } from '../../../src/backup/backups.js';
import { createEnvironment } from '../../../src/backup/postgres-environment.js';
import { connectionSettings } from '../../../src/database/connection-settings.js';
import { type BackupGround, createBackupGround } from '../../support/backup-kit.js';
import { failure, must } from '../../support/builders.js';
import { queryOnce, withDatabase } from '../../support/database-admin.js';
import { startTlsPostgres, type TlsPostgres } from '../../support/tls-postgres.js';

type Tls = NonNullable<BackupsConfig['database']['tls']>;

let ground: BackupGround;
let secure: TlsPostgres;
beforeAll(async () => {
  [ground, secure] = await Promise.all([createBackupGround({ vectors: 20 }), startTlsPostgres()]);
  await queryOnce(secure.server.url, 'create table notes as select n from generate_series(1, 10) as n');
});
afterAll(async () => {
  await ground?.[Symbol.asyncDispose]();
  await secure?.[Symbol.asyncDispose]();
});

describe('backups of a server that takes TLS alone', () => {
  const backups = (tls: Tls, url = secure.url) => ground.backups({ database: { url, tls }, name: 'secure' });

  test('are taken, verified and restored by its own authority', async () => {
    const { id, tables } = await must(backups({ ca: secure.ca }).run());
    expect(tables).toContainEqual({ schema: 'public', name: 'notes', rows: 10 });
    await must(backups({ ca: secure.ca }).verify(id));
    const url = withDatabase(secure.url, `restored_${randomUUID().slice(0, 8)}`);
    await must(backups({ ca: secure.ca }).restore(id, { url, tls: { ca: secure.ca } }));
    expect(
      await failure(backups({ ca: secure.ca }).restore(id, { url, tls: { ca: secure.otherCa } })),
    ).toMatchObject({
      kind: 'unavailable',
    });
  });

  test.each<[string, () => Tls, () => string]>([
    ['another authority', () => ({ ca: secure.otherCa }), () => secure.url],
    ['the authorities that Node trusts', () => true, () => secure.url],
    ['another name', () => ({ ca: secure.ca }), () => secure.url.replace('localhost', '127.0.0.1')],
  ])('fail by %s, and publish nothing', async (_what, tlsOf, urlOf) => {
    const before = await ground.files();
    const error = await failure(backups(tlsOf(), urlOf()).run());
    expect(error.kind).toBe('unavailable');
    expect(error.message).not.toContain('correct-horse');
    expect(await ground.files()).toEqual(before);
  });

  test('without TLS are not let in', async () => {
    expect(await failure(backups(false).run())).toMatchObject({ kind: 'permission-denied' });
  });
});

describe('a program of PostgreSQL', () => {
  /** pg_dump by itself: a connection of ours in front of it would fail before it. */
  async function dump(tls: Tls, url = secure.url): Promise<string> {
    await using environment = await createEnvironment(connectionSettings(url, tls), 'test');
    const path = join(inject('postgresBinDir') ?? '', 'pg_dump');
    const ended = promisify(execFile)(path, ['--schema-only', '--no-password'], { env: environment.env });
    return await ended.then(
      () => 'dumped',
      (error: { stderr: string }) => error.stderr,
    );
  }

  test('verifies the server as a connection of ours does', async () => {
    expect(await dump({ ca: secure.ca })).toBe('dumped');
    expect(await dump({ rejectUnauthorized: false })).toBe('dumped');
    expect(await dump({ ca: secure.otherCa })).toContain('certificate verify failed');
    expect(await dump(true)).toContain('certificate verify failed');
    expect(await dump({ ca: secure.ca }, secure.url.replace('localhost', '127.0.0.1'))).toContain(
      'does not match host name',
    );
    expect(await dump(false)).toContain('no encryption');
  });
});

describe('backups with a scratch server', () => {
  test('verify there, and need no right to make a database on their own', async () => {
    const role = `reader_${randomUUID().slice(0, 8)}`;
    await queryOnce(inject('postgresUrl'), `create role ${role} login; grant pg_read_all_data to ${role}`);
    try {
      const url = new URL(ground.database.url);
      url.username = role;
      const database = { url: url.href };
      const { id } = await must(ground.backups({ database }).run());
      expect(await failure(ground.backups({ database }).verify(id))).toMatchObject({
        kind: 'permission-denied',
      });

      const scratch = { url: secure.url, tls: { ca: secure.ca } };
      const databasesThere = async (): Promise<number> =>
        Number(
          (await queryOnce<{ n: string }>(secure.server.url, 'select count(*) as n from pg_database'))[0]?.n,
        );
      const before = await databasesThere();
      const seen: Promise<number>[] = [];
      await must(
        ground.backups({ database, scratch }).verify(id, {
          onProgress: ({ type }) => type === 'comparing' && seen.push(databasesThere()),
        }),
      );
      expect(await Promise.all(seen)).toEqual([before + 1]);
      expect(await databasesThere()).toBe(before);
    } finally {
      await queryOnce(inject('postgresUrl'), `drop owned by ${role}`);
      await queryOnce(inject('postgresUrl'), `drop role ${role}`);
    }
  });

  test('that is out of reach fail to verify, typed', async () => {
    const { id } = await must(ground.backups().run());
    const scratch = { url: 'postgresql://127.0.0.1:1/postgres' };
    expect(await failure(ground.backups({ scratch }).verify(id))).toMatchObject({ kind: 'unavailable' });
  });
});
