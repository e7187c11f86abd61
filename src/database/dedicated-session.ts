import type { DedicatedConnection } from './dedicated-connection.js';

export interface SessionSettings {
  readonly maintenanceWorkMem: string;
  /** `max_parallel_maintenance_workers`; `null` leaves the server's own. */
  readonly parallelWorkers: number | null;
}

/** Readies a server session for work without time limits whose client may die. */
export async function prepareSession(
  connection: DedicatedConnection,
  { maintenanceWorkMem, parallelWorkers }: SessionSettings,
): Promise<void> {
  if (connection.isEmbedded) return;
  // Those of a newer server are passed over by an older one.
  await connection.query(`select set_config(name, '0', false) from pg_settings
    where name in ('statement_timeout', 'lock_timeout', 'transaction_timeout')`);
  await connection.query('set client_min_messages = warning');
  await connection.query("select set_config('maintenance_work_mem', $1, false)", [maintenanceWorkMem]);
  if (parallelWorkers !== null) {
    await connection.query("select set_config('max_parallel_maintenance_workers', $1, false)", [
      String(parallelWorkers),
    ]);
  }
  // A client that dies must not keep the lock until its index is built: the server looks whether it is there,
  // and whether its machine is. Not every platform can.
  await connection.query("set client_connection_check_interval = '2s'").catch(() => undefined);
  await connection.query(`select set_config(name, value, false) from (values
    ('tcp_keepalives_idle', '10'), ('tcp_keepalives_interval', '5'), ('tcp_keepalives_count', '3')) as s (name, value)`);
}
