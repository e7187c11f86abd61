/** A size at a moment. */
export interface SizeAt {
  readonly atMs: number;
  readonly bytes: number;
}

export interface SizeTrend {
  /** Below 0 where it shrinks. */
  readonly bytesPerDay: number;
  /** How far from the trend the size is at most after so many days, nine times in ten. */
  readonly marginAfter: (days: number) => number;
}

const MS_PER_DAY = 86_400_000;
/** How many points back slopes reach, a week of daily ones: a step of the size is in few of them, a week's rhythm in all. */
const REACH = 7;
/** What is nearer says little of a day. */
const MIN_DAYS_APART = 0.5;
/** By how much the median of slopes is less certain than the mean growth a day, for steps that are distributed normally. */
const MEDIAN_VARIANCE = 1.2;
/** Student's t for an interval of 90 %, by degrees of freedom from 1 on; beyond, an approximation to 0.2 %. */
const STUDENT_90 = [6.314, 2.92, 2.353, 2.132, 2.015, 1.943, 1.895, 1.86, 1.833, 1.812];

/**
 * The median of the slopes between points that lie at most a week of points apart (Theil and Sen, who take all pairs:
 * then an import in the middle of a month is in half of them, and bends the median too).
 *
 * A size is the sum of what each day added, so the margin is that of a random walk: by how much the days differed
 * from the trend, over the days ahead, and over those the trend comes from. All days count in it, as an import that
 * came once may come again.
 *
 * `points`: oldest first. `null`: there are not three, half a day or more apart.
 */
export function sizeTrend(points: readonly SizeAt[]): SizeTrend | null {
  const slopes = Float64Array.from(slopesOf(points)).sort();
  const middle = (slopes.length - 1) / 2;
  const bytesPerDay = ((slopes[Math.floor(middle)] ?? 0) + (slopes[Math.ceil(middle)] ?? 0)) / 2;

  const steps = stepsOf(points);
  const freedom = steps.length - 1;
  if (freedom < 1) return null;
  const knownDays = steps.reduce((sum, { days }) => sum + days, 0);
  const squares = steps.reduce((sum, { days, bytes }) => sum + (bytes - bytesPerDay * days) ** 2 / days, 0);
  const deviation = Math.sqrt(squares / freedom);
  const quantile = STUDENT_90[freedom - 1] ?? 1.645 + 1.66 / freedom;
  return {
    bytesPerDay,
    marginAfter: (days) => quantile * deviation * Math.sqrt(days + (MEDIAN_VARIANCE * days ** 2) / knownDays),
  };
}

interface Step {
  readonly days: number;
  readonly bytes: number;
}

function slopesOf(points: readonly SizeAt[]): number[] {
  return points.flatMap((later, index) =>
    points
      .slice(Math.max(0, index - REACH), index)
      .map((earlier) => between(earlier, later))
      .filter(({ days }) => days >= MIN_DAYS_APART)
      .map(({ days, bytes }) => bytes / days),
  );
}

/** From each point to the next one far enough from it. */
function stepsOf(points: readonly SizeAt[]): readonly Step[] {
  const steps: Step[] = [];
  let [from] = points;
  for (const point of points) {
    if (from === undefined) break;
    const step = between(from, point);
    if (step.days < MIN_DAYS_APART) continue;
    steps.push(step);
    from = point;
  }
  return steps;
}

function between(earlier: SizeAt, later: SizeAt): Step {
  return { days: (later.atMs - earlier.atMs) / MS_PER_DAY, bytes: later.bytes - earlier.bytes };
}
