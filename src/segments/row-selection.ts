// Which rows of a range a read sees: those alive at its position, narrowed by what it asks for.
import type { RowLives } from "../system/compute.js";

/** Of the first `count` rows. */
export interface RowSelection {
  readonly count: number;
  /** One byte a row, 1 where it is selected; absent when all are. */
  readonly flags: Uint8Array | undefined;
  readonly selected: number;
}

/**
 * The rows among the first `rowCount` that were born at or before `at` and did not die by then.
 * Births ascend, as rows lie in log order, so the unborn are a tail. Deaths that are written
 * meanwhile lie behind `at` and change nothing.
 */
export function selectLiving(lives: RowLives, rowCount: number, at: number): RowSelection {
  const count = bornThrough(lives.born, rowCount, at);
  const { died } = lives;
  let row = 0;
  while (row < count && (died[row] as number) > at) row += 1;
  if (row === count) return { count, flags: undefined, selected: count };
  const flags = new Uint8Array(count).fill(1);
  let selected = count;
  for (; row < count; row += 1) {
    if ((died[row] as number) > at) continue;
    flags[row] = 0;
    selected -= 1;
  }
  return { count, flags, selected };
}

function bornThrough(born: Float64Array, rowCount: number, at: number): number {
  let low = 0;
  let high = rowCount;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((born[middle] as number) <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Leaves only the rows whose byte in `marks` is not 0. */
export function narrow(selection: RowSelection, marks: Uint8Array | undefined): RowSelection {
  if (marks === undefined) return selection;
  const { count } = selection;
  const flags = selection.flags ?? new Uint8Array(count).fill(1);
  let selected = 0;
  for (let row = 0; row < count; row += 1) {
    if (marks[row] === 0) flags[row] = 0;
    else selected += flags[row] as number;
  }
  return { count, flags, selected };
}

/** The offsets of the selected rows, ascending. */
export function offsetsOf({ count, flags, selected }: RowSelection): Uint32Array {
  const offsets = new Uint32Array(selected);
  let next = 0;
  for (let row = 0; row < count; row += 1) {
    if (flags === undefined || flags[row] !== 0) offsets[next++] = row;
  }
  return offsets;
}
