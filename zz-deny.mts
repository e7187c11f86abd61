import { makeRedisLimiter } from './test/contract/rate-limit-kit.js';
import { startRedisServer } from './test/support/redis-server.js';

const server = await startRedisServer();
const { limiter, close } = makeRedisLimiter({
  config: { url: server.url },
  rateLimits: { one: { limit: 1, windowSeconds: 3600 } },
});
const rates: number[] = [];
for (let round = 0; round < 15; round++) {
  const at = performance.now();
  let n = 0;
  await Promise.all(
    Array.from({ length: 64 }, async () => {
      while (n < 60000) {
        n++;
        await limiter.consume('denied', 'one');
      }
    }),
  );
  rates.push(60000 / (performance.now() - at));
}
console.log('deny k/s', rates.sort((a, b) => a - b)[7]);
await close();
await server.stop();
