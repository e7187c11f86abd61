/** A size at a moment. */
export interface SizeAt {
  readonly atMs: number;
  readonly bytes: number;
}

/** How fast a size grows, in bytes a day; below 0 where it shrinks. */
export interface SizeTrend {
  readonly bytesPerDay: number;
  /** The ends of the interval that holds the true trend nine times in ten, if the past goes on. */
  readonly lowestPerDay: number;
  readonly highestPerDay: number;
}

const MS_PER_DAY = 86_400_000;
/** Of the normal distribution, for an interval of 90 %. */
const Z_90 = 1.645;

/**
 * The median of the slopes between all pairs of points (Theil and Sen), so that one import or one VACUUM FULL among
 * them bends nothing, and Sen's interval of 90 % around it, which with few points is all that they allow. At least two
 * points, at different moments.
 */
export function sizeTrend(points: readonly SizeAt[]): SizeTrend {
  const slopes: number[] = [];
  points.forEach((later, index) => {
    for (const earlier of points.slice(0, index)) {
      const days = (later.atMs - earlier.atMs) / MS_PER_DAY;
      slopes.push((later.bytes - earlier.bytes) / days);
    }
  });
  slopes.sort((one, other) => one - other);
  const n = points.length;
  // Of Kendall's S, which counts how many pairs rise and how many fall.
  const spread = Z_90 * Math.sqrt((n * (n - 1) * (2 * n + 5)) / 18);
  const at = (place: number) => slopes[Math.min(slopes.length - 1, Math.max(0, place))] ?? 0;
  return {
    bytesPerDay: (at(Math.floor((slopes.length - 1) / 2)) + at(Math.ceil((slopes.length - 1) / 2))) / 2,
    lowestPerDay: at(Math.floor((slopes.length - spread) / 2) - 1),
    highestPerDay: at(Math.ceil((slopes.length + spread) / 2)),
  };
}
