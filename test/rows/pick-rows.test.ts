// Rows chosen from several batches, against choosing them value by value.
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Column, RowBatch } from "../../src/rows/columns.js";
import { allRows, type Picks, pickRows } from "../../src/rows/pick-rows.js";
import { sliceRows } from "../../src/segments/slice-rows.js";
import { batches, everyColumn } from "../rows/batches.js";

/** Null where there is none. */
function valueAt(column: Column | undefined, row: number): unknown {
  if (column === undefined || column.valid?.[row] === 0) return null;
  if (column.type !== "FloatVector") return column.values[row];
  return [...column.values.subarray(row * column.dimension, (row + 1) * column.dimension)];
}

function valuesOf(batch: RowBatch, field: string): unknown[] {
  return Array.from({ length: batch.count }, (_, row) => valueAt(batch.columns.get(field), row));
}

function picksOf(picks: readonly (readonly [number, number])[]): Picks {
  return {
    sources: Uint32Array.from(picks, ([source]) => source),
    positions: Uint32Array.from(picks, ([, position]) => position),
  };
}

test("any rows of a batch, in any order, also twice", () => {
  fc.assert(
    fc.property(batches, fc.array(fc.nat()), (batch, numbers) => {
      fc.pre(batch.count > 0);
      const rows = numbers.map((number) => number % batch.count);
      const picked = pickRows([batch], picksOf(rows.map((row) => [0, row])));
      for (const [field, column] of batch.columns) {
        expect(picked.columns.get(field)?.type).toBe(column.type);
        expect(valuesOf(picked, field)).toEqual(rows.map((row) => valueAt(column, row)));
      }
    }),
  );
});

test("rows of two batches mix; a column that one of them lacks is null there", () => {
  const whole = everyColumn(7, 3);
  const columns = new Map([...everyColumn(5, 3).columns].filter(([name]) => name !== "$meta"));
  const partial: RowBatch = { count: 5, columns };
  const picks = [
    [1, 4],
    [0, 6],
    [0, 0],
    [1, 0],
  ] as const;
  const picked = pickRows([whole, partial], picksOf(picks));
  for (const field of whole.columns.keys()) {
    const expected = picks.map(([source, row]) =>
      valueAt((source === 0 ? whole : partial).columns.get(field), row),
    );
    expect(valuesOf(picked, field)).toEqual(expected);
  }
});

test("slices put together again are the batch", () => {
  fc.assert(
    fc.property(batches, fc.nat({ max: 20 }), (batch, cut) => {
      const middle = Math.min(cut, batch.count);
      const parts = [sliceRows(batch, 0, middle), sliceRows(batch, middle, batch.count)];
      expect(parts.map((part) => part.count)).toEqual([middle, batch.count - middle]);
      expect(pickRows(parts, allRows(parts))).toEqual(pickRows([batch], allRows([batch])));
    }),
  );
});

test("columns of two types do not mix", () => {
  const integers: RowBatch = {
    count: 1,
    columns: new Map([["a", { type: "Int64", values: BigInt64Array.of(1n) }]]),
  };
  const strings: RowBatch = {
    count: 1,
    columns: new Map([["a", { type: "VarChar", values: ["x"] }]]),
  };
  expect(() => pickRows([integers, strings], allRows([integers, strings]))).toThrow(/Int64/);
});
