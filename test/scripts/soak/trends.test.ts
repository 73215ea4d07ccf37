// A trend compares medians of two quarters after the warm-up; what has a bound must not pass it.
import { expect, it } from "vitest";
import { trendsOf } from "../../../scripts/soak/trends.js";

const minute = 60_000;
const series = (valueAt: (at: number) => number | undefined) =>
  Array.from({ length: 40 }, (_, at) => {
    const size = valueAt(at);
    return { atMs: at * minute, figures: size === undefined ? {} : { size } };
  });
const bound = { more: 20, percent: 10 };
const trendOf = (valueAt: (at: number) => number | undefined, warmUp = 0) =>
  trendsOf(series(valueAt), warmUp * minute, () => bound)[0];

it("finds what grows by more than both, so much and so many percent", () => {
  expect(trendOf((at) => 100 + at * 2)?.isBeyond).toBe(true);
  expect(trendOf((at) => 100 + at * 0.5)?.isBeyond).toBe(false);
  expect(trendOf((at) => 10_000 + at * 2)?.isBeyond).toBe(false);
  expect(trendOf((at) => 100 - at)?.isBeyond).toBe(false);
});

it("does not mind how fast it grew while warming up, nor one high value", () => {
  const warming = trendOf((at) => Math.min(at, 10) * 50, 10);
  expect(warming).toMatchObject({ secondQuarter: 500, lastQuarter: 500, isBeyond: false });
  expect(trendOf((at) => (at === 38 ? 9_999 : 100))).toMatchObject({ lastQuarter: 100 });
});

it("bounds only what it is told to, and leaves out what could not be measured", () => {
  const [trend] = trendsOf(
    series((at) => at * 100),
    0,
    () => null,
  );
  expect(trend).toMatchObject({ bound: null, isBeyond: false });
  expect(trendOf((at) => (at % 2 === 0 ? undefined : 7))).toMatchObject({ lastQuarter: 7 });
});
