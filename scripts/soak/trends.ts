// Whether figures grow: the medians of two quarters of a run, held against what they may differ.
import { percentile } from "../quickstart/measuring.js";

export type Sample = Readonly<Record<string, number>>;

export interface TimedSample {
  readonly atMs: number;
  readonly figures: Sample;
}

/** Both must be passed: so much more, and so many percent more. */
export interface Bound {
  readonly more: number;
  readonly percent: number;
}

export interface Trend {
  readonly figure: string;
  /** Medians, of the time after the warm-up. */
  readonly secondQuarter: number;
  readonly lastQuarter: number;
  /** Null where growth is no fault. */
  readonly bound: Bound | null;
  readonly isBeyond: boolean;
}

/** What a process takes once and keeps does not differ any more in the second quarter. */
export function trendsOf(
  samples: readonly TimedSample[],
  warmUpMs: number,
  boundOf: (figure: string) => Bound | null,
): readonly Trend[] {
  const settled = samples.filter(({ atMs }) => atMs >= warmUpMs);
  const names = new Set(settled.flatMap(({ figures }) => Object.keys(figures)));
  return [...names].sort().map((figure) => {
    const values = settled.map(({ figures }) => figures[figure]);
    const secondQuarter = medianOf(quarter(values, 1));
    const lastQuarter = medianOf(quarter(values, 3));
    const bound = boundOf(figure);
    const isBeyond = bound !== null && grewBeyond(secondQuarter, lastQuarter, bound);
    return { figure, secondQuarter, lastQuarter, bound, isBeyond };
  });
}

function grewBeyond(before: number, after: number, { more, percent }: Bound): boolean {
  return after - before > more && after > before * (1 + percent / 100);
}

function quarter<Value>(values: readonly Value[], number: number): readonly Value[] {
  const at = (quarters: number) => Math.round((values.length * quarters) / 4);
  return values.slice(at(number), at(number + 1));
}

/** Of those that were measured; 0 where none was. */
function medianOf(values: readonly (number | undefined)[]): number {
  const measured = values.filter((value) => value !== undefined);
  return measured.length === 0 ? 0 : percentile(measured, 0.5);
}
