// Which rows a read sees, against looking at each row by itself.
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  LivingRows,
  narrow,
  offsetsOf,
  type RowSelection,
} from "../../src/segments/row-selection.js";
import type { RowLives } from "../../src/system/compute.js";

const never = Number.POSITIVE_INFINITY;

interface Row {
  readonly born: number;
  readonly died: number;
  readonly mark: number;
}

const rowsArbitrary: fc.Arbitrary<Row[]> = fc
  .array(fc.tuple(fc.nat({ max: 3 }), fc.option(fc.nat({ max: 9 })), fc.nat({ max: 1 })))
  .map((steps) => {
    let born = 1;
    return steps.map(([step, life, mark]) => {
      born += step;
      return { born, died: life === null ? never : born + life, mark };
    });
  });

/** By one who remembers nothing. */
const selectLiving = (lives: RowLives, rowCount: number, at: number) =>
  new LivingRows().select(lives, { rowCount }, at);

function expectSelected(selection: RowSelection, expected: readonly number[]): void {
  expect([...offsetsOf(selection)]).toEqual(expected);
  expect(selection.selected).toBe(expected.length);
}

test("a row is seen from its birth until just before its death", () => {
  fc.assert(
    fc.property(rowsArbitrary, fc.nat({ max: 60 }), fc.nat(), (rows, at, cut) => {
      const rowCount = rows.length === 0 ? 0 : cut % (rows.length + 1);
      const lives = livesOf(rows);
      const seen = rows.slice(0, rowCount).flatMap((row, offset) => {
        return row.born <= at && row.died > at ? [offset] : [];
      });
      const living = selectLiving(lives, rowCount, at);
      expectSelected(living, seen);
      const marks = Uint8Array.from(rows, (row) => row.mark);
      expectSelected(
        narrow(living, marks),
        seen.filter((offset) => marks[offset] === 1),
      );
    }),
    { numRuns: 500 },
  );
});

function livesOf(rows: readonly Row[]) {
  const born = Float64Array.from(rows, (row) => row.born);
  const died = Float64Array.from(rows, (row) => row.died);
  return { born, died };
}

test("what is remembered from one read to the next is what looking at each row would give", () => {
  const stepArbitrary = fc.record({
    at: fc.nat({ max: 12 }),
    rowCount: fc.nat({ max: 8 }),
    dies: fc.option(fc.nat({ max: 7 })),
  });
  fc.assert(
    fc.property(fc.array(stepArbitrary, { maxLength: 30 }), (steps) => {
      const born = Float64Array.of(1, 1, 2, 3, 3, 4, 6, 8);
      const lives = { born, died: new Float64Array(8).fill(never) };
      const living = new LivingRows();
      let now = 8;
      let dead = 0;
      for (const { at, rowCount, dies } of steps) {
        // A death is always written behind all reads that have begun.
        if (dies !== null && lives.died[dies] === never) {
          now += 1;
          lives.died[dies] = now;
          dead += 1;
        }
        const seen = Math.min(at + 4, now);
        expect(living.select(lives, { rowCount, dead }, seen)).toEqual(
          selectLiving(lives, rowCount, seen),
        );
      }
    }),
    { numRuns: 500 },
  );
});

test("nothing is written down where all rows are seen", () => {
  const died = new Float64Array(3).fill(never);
  const lives = { born: Float64Array.of(1, 2, 3), died };
  expect(selectLiving(lives, 3, 3)).toEqual({ count: 3, flags: undefined, selected: 3 });
  expect(selectLiving(lives, 3, 2)).toEqual({ count: 2, flags: undefined, selected: 2 });
});
