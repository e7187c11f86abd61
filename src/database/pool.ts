import pg from 'pg';
import type { ResolvedBorrowedDatabase, ResolvedServerDatabase } from '../config/database-config.js';
import type { Telemetry } from '../telemetry.js';
import { connectHint, connectionSettings } from './connection-settings.js';
import { atMost, type ConnectionPool, destroySocket, managePool } from './managed-pool.js';
import { SESSION_OPTIONS } from './session-settings.js';

/** How long a transaction may sit idle before the server ends it: a forgotten await must not hold locks for ever. */
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 60_000;
const KEEP_ALIVE_DELAY_MS = 10_000;
const GOODBYE_MS = 250;

/** Opens our own pool; connects with the first use. */
export function openPool(config: ResolvedServerDatabase, telemetry: Telemetry): ConnectionPool {
  const direct = config.pooler === 'none';
  const settings: pg.PoolConfig = {
    ...connectionSettings(config.url, config.tls),
    max: config.max,
    min: config.min,
    idleTimeoutMillis: config.idleTimeoutMillis,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_DELAY_MS,
    application_name: '@macro-ai/store',
    // A pooler in transaction mode refuses start-up parameters it does not know.
    ...(direct
      ? {
          statement_timeout: config.statementTimeoutMillis,
          idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_TIMEOUT_MS,
          options: SESSION_OPTIONS,
        }
      : {}),
  };
  // pg-pool would apply one connectionTimeoutMillis to queueing and connecting together. Ours bounds one
  // connect; the whole wait is bounded in acquire().
  class BoundedClient extends pg.Client {
    readonly madeAt = performance.now();

    constructor(options: pg.ClientConfig) {
      // pg-pool hides the password from inspect output, and so from a copy by spread.
      const { password } = options;
      super({
        ...options,
        ...(password === undefined ? {} : { password }),
        connectionTimeoutMillis: config.connectionTimeoutMillis,
      });
    }
  }
  const pgPool = new pg.Pool({
    ...settings,
    Client: BoundedClient as unknown as typeof pg.Client & (() => pg.ClientBase),
  });
  const connections = new Set<pg.PoolClient>();
  pgPool.on('connect', (client) => {
    connections.add(client);
    if (client instanceof BoundedClient)
      telemetry.observer?.connectionCreated(performance.now() - client.madeAt);
    client.once('end', () => connections.delete(client));
  });
  return managePool(pgPool, config, telemetry, {
    isOwned: true,
    min: config.min,
    connectRetryMillis: config.connectionTimeoutMillis,
    connectHint: connectHint(settings),
    openExtraClient: () => new BoundedClient(settings),
    end: () => endPool(pgPool, connections),
  });
}

/** pg says goodbye to the server and waits for its answer, for which a hung server lets it wait for ever. */
async function endPool(pgPool: pg.Pool, connections: ReadonlySet<pg.PoolClient>): Promise<void> {
  await pgPool.end();
  const goodbyes = [...connections].map((client) => new Promise((resolve) => client.once('end', resolve)));
  await atMost(GOODBYE_MS, Promise.all(goodbyes));
  for (const client of connections) destroySocket(client);
}

/** Works on the application's own pool, and leaves it as it was. */
export function borrowPool(config: ResolvedBorrowedDatabase, telemetry: Telemetry): ConnectionPool {
  return managePool(config.pool, config, telemetry, {
    isOwned: false,
    min: 0,
    connectRetryMillis: 0,
    connectHint: '',
    openExtraClient: () => new pg.Client((config.pool as unknown as { options: pg.ClientConfig }).options),
    end: () => Promise.resolve(),
  });
}
