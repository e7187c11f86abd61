import { z } from 'zod';
import { MAX_DIMENSIONS } from '../schema/embedding-shape.js';
import type { OnReembedEvent } from './events.js';
import type { EmbedTexts } from './reembedding.js';

const millis = z.number().min(0);
const locking = {
  lockWaitMs: millis.default(10_000),
  lockTimeoutMs: z.int().min(1).max(60_000).default(500),
  retryForMs: millis.default(60_000),
};

export const lockingOptions = z.strictObject(locking);

const aFunction = <T>() =>
  z.custom<T>((value) => typeof value === 'function', { error: 'must be a function' });

export const reembedOptions = z
  .strictObject({
    dimensions: z.int().min(1).max(MAX_DIMENSIONS.halfvec),
    column: z.enum(['vector', 'halfvec']).optional(),
    model: z
      .string()
      .min(1)
      .max(200)
      .regex(/^\P{Cc}*$/u, { error: 'must not hold control characters' }),
    embed: aFunction<EmbedTexts>(),
    batchSize: z.int().min(1).max(1_000).default(100),
    concurrency: z.int().min(1).max(32).default(1),
    maintenanceWorkMem: z
      .string()
      .regex(/^\d+(kB|MB|GB)$/, { error: "must be a size, such as '256MB'" })
      .default('256MB'),
    onProgress: aFunction<OnReembedEvent>().optional(),
    ...locking,
  })
  .transform(({ column, ...rest }) => ({
    ...rest,
    column: column ?? (rest.dimensions > MAX_DIMENSIONS.vector ? ('halfvec' as const) : ('vector' as const)),
  }))
  .refine(({ column, dimensions }) => dimensions <= MAX_DIMENSIONS[column], {
    path: ['dimensions'],
    error: `must be at most ${MAX_DIMENSIONS.vector} for column 'vector'`,
  });
