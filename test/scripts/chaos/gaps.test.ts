// A gap is the longest time for which somebody asked and nobody was served.
import { expect, it } from "vitest";
import { Gaps } from "../../../scripts/chaos/gaps.js";

it("counts from the first that asks, over failures, to the success", () => {
  const gaps = new Gaps();
  gaps.started("search", 100);
  gaps.started("search", 150);
  gaps.ended("search", 200, false);
  gaps.ended("search", 300, true);
  expect(gaps.longestMs(1_000)).toEqual({ search: 200 });
});

it("does not count while nobody asks, and counts what is still open", () => {
  const gaps = new Gaps();
  gaps.started("count", 0);
  gaps.ended("count", 10, true);
  gaps.started("count", 5_000);
  expect(gaps.longestMs(5_070)).toEqual({ count: 70 });
  expect(gaps.succeeded()).toEqual({ count: 1 });
});

it("goes on from a success while another still waits", () => {
  const gaps = new Gaps();
  gaps.started("query", 0);
  gaps.started("query", 0);
  gaps.ended("query", 10, true);
  gaps.ended("query", 100, true);
  expect(gaps.longestMs(100)).toEqual({ query: 90 });
});
