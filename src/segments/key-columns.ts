// Work on the key columns of many rows: which have one of some keys, and their ascending order.
import type { Column, Int64Column, RowBatch, VarCharColumn } from "../rows/columns.js";
import type { Picks } from "../rows/pick-rows.js";
import type { Key } from "../rows/schema.js";
import { firstInOrder, type IsBefore } from "./first-in-order.js";

export type KeyColumn = Int64Column | VarCharColumn;

export function keyColumnOf(columns: RowBatch["columns"], keyField: string): KeyColumn {
  const column: Column | undefined = columns.get(keyField);
  if (column?.type === "Int64" || column?.type === "VarChar") return column;
  throw new Error(`there is no key column '${keyField}'`);
}

/** One byte for each of the first `count` rows: 1 where the row's key is one of `keys`. */
export function markKeys(column: KeyColumn, count: number, keys: readonly Key[]): Uint8Array {
  if (column.type === "Int64") return markIntegers(column.values, count, keys);
  const wanted = new Set(keys);
  const marks = new Uint8Array(count);
  for (let row = 0; row < count; row++) {
    if (wanted.has(column.values[row] as string)) marks[row] = 1;
  }
  return marks;
}

/** The low halves of 64-bit values stand at even places, the high ones at odd places. */
function halvesOf(values: BigInt64Array): Int32Array {
  return new Int32Array(values.buffer, values.byteOffset, values.length * 2);
}

/** Compares 32-bit halves: a bigint a row would cost many times as much. */
function markIntegers(values: BigInt64Array, count: number, keys: readonly Key[]): Uint8Array {
  const wanted = halvesOf(BigInt64Array.from(keys.filter(isInt64)).sort());
  const halves = halvesOf(values);
  const marks = new Uint8Array(count);
  for (let row = 0; row < count; row++) {
    marks[row] = isAmong(wanted, halves[2 * row] as number, halves[2 * row + 1] as number) ? 1 : 0;
  }
  return marks;
}

/** By bisection, so that no choice of keys can make it slow. */
function isAmong(sorted: Int32Array, low: number, high: number): boolean {
  let first = 0;
  let end = sorted.length >> 1;
  while (first < end) {
    const middle = (first + end) >> 1;
    const order = compareHalves(
      sorted[2 * middle + 1] as number,
      sorted[2 * middle] as number,
      high,
      low,
    );
    if (order === 0) return true;
    if (order < 0) first = middle + 1;
    else end = middle;
  }
  return false;
}

function compareHalves(highA: number, lowA: number, highB: number, lowB: number): number {
  return highA === highB ? (lowA >>> 0) - (lowB >>> 0) : highA - highB;
}

function isInt64(key: Key): key is bigint {
  return typeof key === "bigint" && BigInt.asIntN(64, key) === key;
}

/** The picks with the `limit` smallest keys (null: all), ascending; strings by code unit. */
export function orderByKey(
  columns: readonly KeyColumn[],
  picks: Picks,
  limit: number | null,
): Picks {
  const order = firstInOrder(picks.sources.length, limit, keyOrder(columns, picks));
  return {
    sources: order.map((pick) => picks.sources[pick] as number),
    positions: order.map((pick) => picks.positions[pick] as number),
  };
}

function keyOrder(columns: readonly KeyColumn[], { sources, positions }: Picks): IsBefore {
  if (columns.every((column) => column.type === "Int64")) {
    const keys = new BigInt64Array(sources.length);
    for (let pick = 0; pick < keys.length; pick++) {
      const column = columns[sources[pick] as number] as Int64Column;
      keys[pick] = column.values[positions[pick] as number] as bigint;
    }
    return integerOrder(keys);
  }
  const keyAt = (pick: number) =>
    columns[sources[pick] as number]?.values[positions[pick] as number] as string;
  return (a, b) => keyAt(a) < keyAt(b);
}

function integerOrder(keys: BigInt64Array): IsBefore {
  const halves = halvesOf(keys);
  return (a, b) => {
    const highA = halves[2 * a + 1] as number;
    const highB = halves[2 * b + 1] as number;
    return compareHalves(highA, halves[2 * a] as number, highB, halves[2 * b] as number) < 0;
  };
}
