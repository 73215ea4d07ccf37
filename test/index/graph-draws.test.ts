// Levels, M rows of each for one of the next, and an order of all rows: by the seed alone.
import { expect, it } from "vitest";
import { drawLevels, drawOrder } from "../../src/index/graph-draws.js";

it.each([2, 8, 16, 512])("one row in M reaches the next level, M %i", (M) => {
  const levels = drawLevels(200_000, M, 5);
  const reaching = (level: number) => levels.filter((own) => own >= level).length;
  expect(reaching(1) / reaching(0)).toBeCloseTo(1 / M, 2);
  if (M <= 16) expect(reaching(2) / reaching(1)).toBeCloseTo(1 / M, 1);
});

it("levels depend on the seed and the row alone", () => {
  const few = drawLevels(100, 4, 9);
  expect([...drawLevels(5000, 4, 9).subarray(0, 100)]).toEqual([...few]);
  expect([...drawLevels(100, 4, 10)]).not.toEqual([...few]);
});

it.each([0, 1, 2, 3, 1000])("an order of %i rows has each of them once", (count) => {
  const order = drawOrder(count, 3);
  expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, row) => row));
  expect([...drawOrder(count, 3)]).toEqual([...order]);
});

it("rows that were neighbours are far apart in the order, wherever they were", () => {
  const order = drawOrder(10_000, 100);
  const places = new Uint32Array(10_000);
  for (const [place, row] of order.entries()) places[row] = place;
  const steps = Array.from({ length: 9_999 }, (_, row) =>
    Math.abs((places[row + 1] as number) - (places[row] as number)),
  );
  // Of two places drawn at random the distance is a third of all, on average.
  expect(steps.reduce((sum, step) => sum + step, 0) / 9_999 / 10_000).toBeCloseTo(1 / 3, 1);
  expect([...drawOrder(10_000, 101)]).not.toEqual([...order]);
});
