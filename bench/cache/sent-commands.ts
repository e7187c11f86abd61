import type { Redis } from 'ioredis';

/** A script's call, word for word. */
export interface SentScript {
  readonly hash: string;
  readonly keyCount: number;
  readonly rest: readonly (string | number | Buffer)[];
}

/** The scripts that somebody calls on this client during the work, in their order. */
export async function watchScripts(
  client: Redis,
  work: () => Promise<unknown>,
): Promise<readonly SentScript[]> {
  const sent: SentScript[] = [];
  const { evalsha } = client;
  client.evalsha = ((hash: string, keyCount: number, ...rest: SentScript['rest']) => {
    sent.push({ hash, keyCount, rest });
    return Reflect.apply(evalsha, client, [hash, keyCount, ...rest]);
  }) as typeof client.evalsha;
  try {
    await work();
  } finally {
    Reflect.deleteProperty(client, 'evalsha');
  }
  return sent;
}

export async function replay(client: Redis, scripts: readonly SentScript[]): Promise<unknown> {
  let last: unknown;
  for (const { hash, keyCount, rest } of scripts) last = await client.evalsha(hash, keyCount, ...rest);
  return last;
}
