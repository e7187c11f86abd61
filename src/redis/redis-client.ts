import type { EventEmitter } from 'node:events';

/** What we use of an ioredis client, so that it fits `Redis` and `Cluster` of 5.3 and later. */
export interface RedisClient extends EventEmitter {
  readonly status: string;
  readonly isCluster: boolean;
  readonly options: { readonly keyPrefix?: string | undefined };
  connect(): Promise<unknown>;
  ping(): Promise<unknown>;
  eval(script: string, keyCount: number, ...keysAndArguments: (string | number | Buffer)[]): Promise<unknown>;
  evalsha(
    hash: string,
    keyCount: number,
    ...keysAndArguments: (string | number | Buffer)[]
  ): Promise<unknown>;
  set(key: string, value: string, unit: 'PX', milliseconds: number): Promise<unknown>;
  del(...keys: string[]): Promise<unknown>;
  scan(
    cursor: string,
    match: 'MATCH',
    pattern: string,
    unit: 'COUNT',
    count: number,
  ): Promise<[cursor: string, keys: string[]]>;
}

interface RedisClusterClient extends RedisClient {
  nodes(role: 'master'): RedisClient[];
}

/** The servers that hold keys: of a cluster its masters, else the one. */
export function serversOf(client: RedisClient): readonly RedisClient[] {
  return client.isCluster ? (client as RedisClusterClient).nodes('master') : [client];
}

/** Deletes these names, whatever slots they are in. */
export async function deleteAll(client: RedisClient, names: readonly string[]): Promise<void> {
  if (names.length === 0) return;
  if (client.isCluster) await Promise.all(names.map((name) => client.del(name)));
  else await client.del(...names);
}
