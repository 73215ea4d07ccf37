// Levels of rows: M rows of each for one of the next, by the seed alone.
import { expect, it } from "vitest";
import { drawLevels } from "../../src/index/graph-levels.js";

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
