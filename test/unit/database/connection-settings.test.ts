import { describe, expect, it } from 'vitest';
import { connectionSettings } from '../../../src/database/connection-settings.js';

describe('connectionSettings', () => {
  it('takes a URL apart, so that pg hides the password', () => {
    expect(
      connectionSettings('postgresql://ann%40x:p%2Fw@db.example.org:5433/my%20chats', undefined),
    ).toEqual({
      host: 'db.example.org',
      port: 5433,
      user: 'ann@x',
      password: 'p/w',
      database: 'my chats',
      ssl: true,
    });
  });

  it('finds a unix socket in the host parameter', () => {
    expect(connectionSettings('postgresql:///chat?host=/var/run/postgresql', undefined)).toEqual({
      host: '/var/run/postgresql',
      database: 'chat',
      ssl: false,
    });
  });

  it.each([
    ['postgresql://localhost/x', undefined, false],
    ['postgresql://127.0.0.1/x', undefined, false],
    ['postgresql://[::1]/x', undefined, false],
    ['postgresql://db.example.org/x', undefined, true],
    ['postgresql://db.example.org/x?sslmode=disable', undefined, false],
    ['postgresql://db.example.org/x?sslmode=require', undefined, true],
    ['postgresql://db.example.org/x', false, false],
    ['postgresql://localhost/x', true, true],
    ['postgresql://db.example.org/x?sslmode=disable', { servername: 'db' }, { servername: 'db' }],
  ] as const)('encrypts %s with tls %j: %j', (url, tls, expected) => {
    expect(connectionSettings(url, tls).ssl).toEqual(expected);
  });
});
