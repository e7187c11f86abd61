import { makeMemoryLimiter } from '../../contract/rate-limit-kit.js';
import { rateLimiterContract } from '../../contract/rate-limiter.js';

rateLimiterContract('in memory', async (rateLimits) => makeMemoryLimiter(rateLimits));
