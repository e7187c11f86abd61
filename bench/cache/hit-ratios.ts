import type { Policy } from './policies.js';
import { makeTraces, type Step } from './traces.js';

export interface HitRatio {
  readonly trace: string;
  readonly title: string;
  readonly policy: string;
  /** Of the bytes of all that is ever asked for, in percent. */
  readonly roomPercent: number;
  readonly hitRatio: number;
  readonly nanosecondsPerStep: number;
}

const ROOMS_PERCENT = [1, 2, 5, 10, 20, 40];

/** How many reads of each trace find their value, by who decides what memory keeps, at equal bytes. */
export function measureHitRatios(policies: readonly Policy[]): readonly HitRatio[] {
  return makeTraces().flatMap(({ name: trace, title, steps }) => {
    const sizes = new Map(steps.filter(({ kind }) => kind === 'read').map(({ key, bytes }) => [key, bytes]));
    const allBytes = [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0);
    const meanBytes = allBytes / sizes.size;
    return ROOMS_PERCENT.flatMap((roomPercent) =>
      policies.map((policy) => {
        const maxBytes = Math.round((allBytes * roomPercent) / 100);
        return {
          trace,
          title,
          policy: policy.name,
          roomPercent,
          ...replay(policy, maxBytes, meanBytes, steps),
        };
      }),
    );
  });
}

function replay(policy: Policy, maxBytes: number, meanBytes: number, steps: readonly Step[]) {
  const kept = policy.open(maxBytes, meanBytes);
  let [reads, hits] = [0, 0];
  const startedAt = performance.now();
  for (const { key, bytes, kind } of steps) {
    if (kind === 'change') {
      kept.delete(key);
      continue;
    }
    reads += 1;
    if (kept.has(key)) hits += 1;
    else kept.set(key, bytes);
  }
  const nanosecondsPerStep = ((performance.now() - startedAt) * 1e6) / steps.length;
  return { hitRatio: hits / reads, nanosecondsPerStep };
}
