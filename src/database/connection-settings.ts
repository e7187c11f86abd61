import type { ConnectionOptions } from 'node:tls';
import type pg from 'pg';

type TlsSetting = boolean | ConnectionOptions | undefined;

/**
 * A connection URL as separate fields. pg prints `connectionString` whole in inspect output, password and all;
 * it hides the field `password`.
 */
export function connectionSettings(url: string, tls: TlsSetting): pg.ClientConfig {
  const parsed = new URL(url);
  // The WHATWG parser leaves the host empty for unix sockets: postgresql:///database?host=/var/run/postgresql
  const host = parsed.searchParams.get('host') ?? decodeURIComponent(parsed.hostname).replace(/^\[|\]$/g, '');
  const ssl = tlsOptions(tls, host, parsed.searchParams.get('sslmode'));
  return {
    ...(host === '' ? {} : { host }),
    ...(parsed.port === '' ? {} : { port: Number(parsed.port) }),
    ...(parsed.username === '' ? {} : { user: decodeURIComponent(parsed.username) }),
    ...(parsed.password === '' ? {} : { password: decodeURIComponent(parsed.password) }),
    ...(parsed.pathname.length <= 1 ? {} : { database: decodeURIComponent(parsed.pathname.slice(1)) }),
    ssl,
  };
}

/** For the message of a connection that failed without a reason from the server: pg says "no TLS" in text only. */
export function connectHint({ ssl }: pg.ClientConfig): string {
  if (!ssl) return '';
  return '; if the server speaks no TLS, set tls to false or put sslmode=disable into the URL';
}

/** Plain text never leaves this machine unless asked for. */
function tlsOptions(tls: TlsSetting, host: string, sslmode: string | null): boolean | ConnectionOptions {
  if (tls !== undefined) return tls;
  if (sslmode !== null) return sslmode !== 'disable';
  return !isLocal(host);
}

export function isLocal(host: string): boolean {
  return host === '' || host.startsWith('/') || host === 'localhost' || host === '::1' || /^127\./.test(host);
}
