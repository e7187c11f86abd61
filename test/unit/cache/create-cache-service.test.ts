import { errAsync, type Result, type ResultAsync } from 'neverthrow';
import { describe, expect, expectTypeOf, it } from 'vitest';
import type { CacheLoadError } from '../../../src/cache/cache-service.js';
import { createCacheService } from '../../../src/cache/create-cache-service.js';
import { silentTelemetry } from '../../../src/telemetry.js';
import { cachePoliciesContract } from '../../contract/cache-policies.js';
import { cacheServiceContract } from '../../contract/cache-service.js';

function makeCache({ memoryMaxBytes = 16 * 1024 * 1024, clock = Date.now } = {}) {
  return createCacheService({ memoryMaxBytes, redis: null, clock, telemetry: silentTelemetry });
}

cacheServiceContract('memory only', async () => makeCache());
cachePoliciesContract('memory only', async () => makeCache());

describe('createCacheService without Redis', () => {
  it('ends a value with its TTL, and with 300 s when that is longer', async () => {
    let now = 1_000;
    const cache = makeCache({ clock: () => now });
    await cache.set('short', 1, { ttlSeconds: 10 });
    await cache.set('long', 2, { ttlSeconds: 3_600 });
    await cache.getOrSet('loaded', async () => 3, { ttlSeconds: 0.5 });

    const present = async () => [
      ...(await cache.getMany(['short', 'long', 'loaded']))._unsafeUnwrap().keys(),
    ];
    now = 1_499;
    expect(await present()).toEqual(['short', 'long', 'loaded']);
    now = 1_500;
    expect(await present()).toEqual(['short', 'long']);
    now = 11_000;
    expect(await present()).toEqual(['long']);
    now = 300_999;
    expect(await present()).toEqual(['long']);
    now = 301_000;
    expect(await present()).toEqual([]);
  });

  it('stays within its bytes however much is set', async () => {
    const cache = makeCache({ memoryMaxBytes: 50_000 });
    for (let index = 0; index < 500; index += 1) await cache.set(`k${index}`, 'x'.repeat(index));
    const { bytes, entries } = cache.stats();
    expect(bytes).toBeLessThanOrEqual(50_000);
    expect(entries).toBeGreaterThan(50);
    expect((await cache.get('k499'))._unsafeUnwrap()).toBe('x'.repeat(499));
  });

  it('has no Redis to count', async () => {
    expect(makeCache().stats()).toMatchObject({ redis: 'off', redisFailures: 0 });
  });

  it("types what a loader gives, and a loader's own error", async () => {
    const cache = makeCache();
    const plain = cache.getOrSet('plain', async () => 1);
    const untyped = cache.getOrSet('untyped', async () => JSON.parse('1'));
    const failing = cache.getOrSet('failing', () => errAsync<number, 'no-such-user'>('no-such-user'));
    const wrapped = cache.getOrSet(
      'wrapped',
      async (): Promise<Result<number, 'no-such-user'>> => failing as never,
    );
    expectTypeOf(plain).toEqualTypeOf<ResultAsync<number, CacheLoadError>>();
    // biome-ignore lint/suspicious/noExplicitAny: what JSON.parse gives
    expectTypeOf(untyped).toEqualTypeOf<ResultAsync<any, CacheLoadError>>();
    expectTypeOf(failing).toEqualTypeOf<ResultAsync<number, 'no-such-user' | CacheLoadError>>();
    expectTypeOf(wrapped).toEqualTypeOf<ResultAsync<number, 'no-such-user' | CacheLoadError>>();
    expect((await wrapped)._unsafeUnwrapErr()).toBe('no-such-user');
  });
});
