// What every column must fulfil, checked before it is stored and after it is read back.
import assert from "node:assert/strict";
import type { Column, RowBatch } from "./columns.js";
import { dimensionMax } from "./schema.js";
import { StoredVectors } from "./stored-vectors.js";

const rowsMax = 2 ** 31 - 1;

/** What is wrong with a column of `count` rows; undefined when nothing is. */
export function checkColumn(column: Column, count: number): string | undefined {
  const valid = column.valid;
  if (valid !== undefined && valid.length !== count) return "the validity has another row count";
  if (valid !== undefined && !inRange(valid, 0, 1)) return "the validity is not 0 or 1";
  if (column.type === "FloatVector" && !isDimension(column.dimension)) {
    return `${column.dimension} is no dimension`;
  }
  const perRow = column.type === "FloatVector" ? column.dimension : 1;
  if (valueCountOf(column) !== count * perRow) return "the values have another row count";
  return checkValues(column);
}

/** Of stored vectors without a copy of them. */
function valueCountOf(column: Column): number {
  return column instanceof StoredVectors ? column.bytes.length / 4 : column.values.length;
}

function checkValues(column: Column): string | undefined {
  switch (column.type) {
    case "Int8":
      return inRange(column.values, -(2 ** 7), 2 ** 7 - 1) ? undefined : "a value is no Int8";
    case "Int16":
      return inRange(column.values, -(2 ** 15), 2 ** 15 - 1) ? undefined : "a value is no Int16";
    case "Bool":
      return inRange(column.values, 0, 1) ? undefined : "a value is no Bool";
    default:
      return undefined;
  }
}

function inRange(values: Int32Array | Uint8Array, least: number, most: number): boolean {
  for (let index = 0; index < values.length; index++) {
    const value = values[index] as number;
    if (value < least || value > most) return false;
  }
  return true;
}

function isDimension(dimension: number): boolean {
  return Number.isInteger(dimension) && dimension >= 1 && dimension <= dimensionMax;
}

/** Asserts what a batch must fulfil before it is stored. */
export function assertRowBatch(batch: RowBatch): void {
  assert(Number.isInteger(batch.count) && batch.count >= 0 && batch.count <= rowsMax);
  assert(batch.count === 0 || batch.columns.size > 0, "rows without columns");
  for (const [name, column] of batch.columns) {
    const fault = checkColumn(column, batch.count);
    assert(fault === undefined, `column '${name}': ${fault}`);
  }
}
