import { z } from 'zod';
import { id } from '../input.js';
import { MEMORY_SETTING } from './build-memory.js';
import { LARGE_USER_ROWS } from './index-advice.js';
import type { OnVectorIndexEvent } from './vector-index-event.js';

const distinct = <T>(values: readonly T[]) => new Set(values).size === values.length;

const users = z.array(id).min(1).max(100).refine(distinct, { error: 'must not hold an id twice' });
// In a statement, where DDL takes no parameters; the server's texts hold no NUL.
const field = z
  .string()
  .min(1)
  .max(255)
  .refine((value) => !value.includes('\0'), { error: 'must not hold a NUL' });
const metadataFields = z.array(field).max(50).refine(distinct, { error: 'must not hold a field twice' });

const tuning = {
  m: z.int().min(2).max(100).optional(),
  efConstruction: z.int().min(4).max(1_000).optional(),
};
const fits = ({
  m = 16,
  efConstruction = 1_000,
}: {
  m?: number | undefined;
  efConstruction?: number | undefined;
}) => efConstruction >= 2 * m;
const fitsOrElse = { path: ['efConstruction'], error: 'must be at least 2 × m' };

const work = {
  lockWaitMs: z.number().min(0).default(600_000),
  onProgress: z
    .custom<OnVectorIndexEvent>((value) => typeof value === 'function', { error: 'must be a function' })
    .optional(),
  signal: z
    .custom<AbortSignal>((value) => value instanceof AbortSignal, { error: 'must be an AbortSignal' })
    .optional(),
};
const build = {
  ...work,
  maintenanceWorkMem: z
    .string()
    .regex(MEMORY_SETTING, { error: "must be a whole number with kB, MB, GB or TB, e.g. '512MB'" })
    .optional(),
  parallelWorkers: z.int().min(0).max(1_024).optional(),
};

const hnsw = z
  .strictObject({
    ...tuning,
    heaviestUsers: z.int().min(1).max(100).optional(),
    minUserRows: z.int().min(1).default(LARGE_USER_ROWS),
    users: users.optional(),
  })
  .refine(fits, fitsOrElse);

/** `hnsw: true` as `{}`, and `false` as `null`, so that a wrong field of the object is named by its path. */
export const ensureInput = z.preprocess(
  (given) => {
    if (typeof given !== 'object' || given === null) return given;
    const { hnsw: wanted = true } = given as { hnsw?: unknown };
    return { ...given, hnsw: typeof wanted === 'boolean' ? (wanted ? {} : null) : wanted };
  },
  z.strictObject({ ...build, hnsw: hnsw.nullable(), metadataFields: metadataFields.default([]) }),
);

export type EnsureInput = z.output<typeof ensureInput>;
export type WantedHnsw = NonNullable<EnsureInput['hnsw']>;

const selection = { users: users.optional(), metadataFields: metadataFields.min(1).optional() };

/** Options that another kind takes are refused, rather than passed over. */
const belongsTo =
  (fields: Readonly<Record<string, readonly string[]>>) =>
  (input: { readonly kind: string }, context: z.RefinementCtx) => {
    for (const [name, kinds] of Object.entries(fields)) {
      if (!(name in input) || Reflect.get(input, name) === undefined || kinds.includes(input.kind)) continue;
      context.addIssue({ code: 'custom', path: [name], message: `is for ${kinds.join(' and ')} only` });
    }
  };
const SELECTS = { users: ['partial-hnsw'], metadataFields: ['metadata'] };
const TUNES = { m: ['hnsw', 'partial-hnsw'], efConstruction: ['hnsw', 'partial-hnsw'] };

export const rebuildInput = z
  .strictObject({
    kind: z.enum(['covering', 'full-text', 'hnsw', 'partial-hnsw', 'metadata']),
    ...build,
    ...tuning,
    ...selection,
  })
  .superRefine(belongsTo({ ...SELECTS, ...TUNES }))
  .refine(fits, fitsOrElse);
export type RebuildInput = z.output<typeof rebuildInput>;

export const dropInput = z
  .strictObject({ kind: z.enum(['hnsw', 'partial-hnsw', 'metadata']), ...work, ...selection })
  .superRefine(belongsTo(SELECTS));
export type DropInput = z.output<typeof dropInput>;
