// Whether figures grow: the slope of each after a warm-up, held against what it may be.

export type Sample = Readonly<Record<string, number>>;

export interface TimedSample {
  readonly atMs: number;
  readonly figures: Sample;
}

export interface Trend {
  readonly figure: string;
  readonly first: number;
  readonly last: number;
  readonly perMinute: number;
  /** Null where growth is no fault. */
  readonly perMinuteMax: number | null;
  readonly isBeyond: boolean;
}

/** Of the samples, those of the first third are warm-up. */
const warmUpShare = 1 / 3;

export function trendsOf(
  samples: readonly TimedSample[],
  bounds: Readonly<Record<string, number>>,
): readonly Trend[] {
  const settled = samples.slice(Math.floor(samples.length * warmUpShare));
  const names = new Set(settled.flatMap(({ figures }) => Object.keys(figures)));
  return [...names].sort().map((figure) => {
    const points = settled.flatMap(({ atMs, figures }) => {
      const value = figures[figure];
      return value === undefined ? [] : [{ minutes: atMs / 60_000, value }];
    });
    const perMinute = slopeOf(points);
    const perMinuteMax = bounds[figure] ?? null;
    const isBeyond = perMinuteMax !== null && perMinute > perMinuteMax;
    const [first, last] = [points[0]?.value ?? 0, points.at(-1)?.value ?? 0];
    return { figure, first, last, perMinute, perMinuteMax, isBeyond };
  });
}

/** Of the straight line with the least squares; 0 where the points make none. */
export function slopeOf(points: readonly { minutes: number; value: number }[]): number {
  const count = Math.max(1, points.length);
  const mean = (of: (point: { minutes: number; value: number }) => number) =>
    points.reduce((sum, point) => sum + of(point), 0) / count;
  const [meanMinutes, meanValue] = [mean(({ minutes }) => minutes), mean(({ value }) => value)];
  const spread = mean(({ minutes }) => (minutes - meanMinutes) ** 2);
  if (spread === 0) return 0;
  const shared = mean(({ minutes, value }) => (minutes - meanMinutes) * (value - meanValue));
  return shared / spread;
}
