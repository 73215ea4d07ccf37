// A trend is the slope after the warm-up; what has a bound must not grow faster.
import { expect, it } from "vitest";
import { slopeOf, trendsOf } from "../../../scripts/soak/trends.js";

const minute = 60_000;
const series = (valueAt: (at: number) => number) =>
  Array.from({ length: 30 }, (_, at) => ({ atMs: at * minute, figures: { size: valueAt(at) } }));

it("finds what grows beyond its bound, and nothing else", () => {
  const grows = (valueAt: (at: number) => number) =>
    trendsOf(series(valueAt), { size: 1 }).map(({ isBeyond }) => isBeyond);
  expect(grows((at) => at * 2)).toEqual([true]);
  expect(grows((at) => at * 0.5)).toEqual([false]);
  expect(grows((at) => 100 - at)).toEqual([false]);
});

it("does not mind how fast it grew while warming up", () => {
  const [trend] = trendsOf(
    series((at) => Math.min(at, 10) * 50),
    { size: 0.1 },
  );
  expect(trend).toMatchObject({ first: 500, last: 500, perMinute: 0, isBeyond: false });
});

it("bounds only what it is told to", () => {
  const [trend] = trendsOf(
    series((at) => at * 100),
    {},
  );
  expect(trend).toMatchObject({ perMinuteMax: null, isBeyond: false });
  expect(trend?.perMinute).toBeCloseTo(100);
});

it("has no slope without two moments", () => {
  expect(slopeOf([])).toBe(0);
  expect(slopeOf([{ minutes: 3, value: 9 }])).toBe(0);
});
