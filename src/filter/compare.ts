// Comparisons of a whole column with one value: a plain loop for each kind of value and test.
import type { ColumnTest } from "./bounds.js";

/** Where outcomes go, a byte a row; its length is the number of rows. */
export type Outcome = Uint8Array;

type Numbers = Int32Array | Float32Array | Float64Array | Uint8Array;

export function compareInt64(
  values: BigInt64Array,
  { base, flip, value }: ColumnTest<bigint>,
  outcome: Outcome,
): void {
  const count = outcome.length;
  if (base === "less") {
    for (let row = 0; row < count; row += 1) {
      outcome[row] = ((values[row] as bigint) < value ? 1 : 0) ^ flip;
    }
  } else if (base === "lessOrEqual") {
    for (let row = 0; row < count; row += 1) {
      outcome[row] = ((values[row] as bigint) <= value ? 1 : 0) ^ flip;
    }
  } else {
    for (let row = 0; row < count; row += 1) {
      outcome[row] = (values[row] === value ? 1 : 0) ^ flip;
    }
  }
}

export function compareNumbers(
  values: Numbers,
  { base, flip, value }: ColumnTest<number>,
  outcome: Outcome,
): void {
  const count = outcome.length;
  if (base === "less") {
    for (let row = 0; row < count; row += 1) {
      outcome[row] = ((values[row] as number) < value ? 1 : 0) ^ flip;
    }
  } else if (base === "lessOrEqual") {
    for (let row = 0; row < count; row += 1) {
      outcome[row] = ((values[row] as number) <= value ? 1 : 0) ^ flip;
    }
  } else {
    for (let row = 0; row < count; row += 1) {
      outcome[row] = (values[row] === value ? 1 : 0) ^ flip;
    }
  }
}

/** Strings are ordered by their UTF-16 code units. */
export function compareStrings(
  values: readonly string[],
  { base, flip, value }: ColumnTest<string>,
  outcome: Outcome,
): void {
  const count = outcome.length;
  if (base === "less") {
    for (let row = 0; row < count; row += 1) {
      outcome[row] = ((values[row] as string) < value ? 1 : 0) ^ flip;
    }
  } else if (base === "lessOrEqual") {
    for (let row = 0; row < count; row += 1) {
      outcome[row] = ((values[row] as string) <= value ? 1 : 0) ^ flip;
    }
  } else {
    for (let row = 0; row < count; row += 1) {
      outcome[row] = (values[row] === value ? 1 : 0) ^ flip;
    }
  }
}

/** Whether each value is in a set. */
export function contains<T>(
  values: ArrayLike<T>,
  set: ReadonlySet<T>,
  flip: 0 | 1,
  outcome: Outcome,
): void {
  for (let row = 0; row < outcome.length; row += 1) {
    outcome[row] = (set.has(values[row] as T) ? 1 : 0) ^ flip;
  }
}
