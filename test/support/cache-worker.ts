import { createCacheService } from '../../src/cache/create-cache-service.js';
import { createRedisTier } from '../../src/cache/redis-tier.js';
import { RedisLink } from '../../src/redis/redis-link.js';
import { silentTelemetry } from '../../src/telemetry.js';

/** What a test tells a process to do, see cache-processes.ts. */
export type CacheOrder =
  | {
      readonly kind: 'load';
      readonly key: string;
      readonly callers: number;
      readonly loadMs: number;
      readonly value: string;
      readonly fails?: boolean;
      readonly backoffMs?: number;
    }
  | { readonly kind: 'get' | 'peek' | 'delete' | 'stats'; readonly key: string }
  | { readonly kind: 'set'; readonly key: string; readonly value: string };

const [url = '', keyPrefix = '', timeoutMs = '2000'] = process.argv.slice(2);
const limits = { keyPrefix, commandTimeoutMillis: Number(timeoutMs) };
const link = new RedisLink({
  config: { kind: 'owned', url, tls: undefined, ...limits } as never,
  telemetry: silentTelemetry,
});
const redis = createRedisTier(link, { keyPrefix });
const cache = createCacheService({
  memoryMaxBytes: 16e6,
  redis,
  clock: Date.now,
  telemetry: silentTelemetry,
});
let loads = 0;

async function obey(order: CacheOrder): Promise<unknown> {
  switch (order.kind) {
    case 'load': {
      const { key, callers, loadMs, value, fails = false, backoffMs = 500 } = order;
      loads = 0;
      const load = async () => {
        loads += 1;
        process.send?.({ loading: key });
        await new Promise((resolve) => setTimeout(resolve, loadMs));
        if (fails) throw new Error(value);
        return value;
      };
      const answers = await Promise.all(
        Array.from({ length: callers }, () => cache.getOrSet(key, load, { backoffMs })),
      );
      return { loads, answers: answers.map((answer) => (answer.isOk() ? answer.value : answer.error.kind)) };
    }
    case 'get':
      return (await cache.get(order.key)).unwrapOr('error');
    case 'peek':
      return cache.peek(order.key);
    case 'set':
      return (await cache.set(order.key, order.value)).isOk();
    case 'delete':
      return (await cache.delete(order.key)).isOk();
    case 'stats':
      return cache.stats();
  }
}

process.on('message', ({ id, order }: { id: number; order: CacheOrder }) => {
  void obey(order).then((answer) => process.send?.({ id, answer }));
});
process.on('disconnect', () => process.exit());
void cache.delete('connect');
const ready = setInterval(() => {
  if (cache.stats().coherence === 'nothing') return;
  clearInterval(ready);
  process.send?.({ id: 0, answer: 'ready' });
}, 5);
