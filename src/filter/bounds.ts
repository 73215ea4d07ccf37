// What a literal means to a column of another numeric type: comparisons that rounding cannot bend.
import type { CompareOperator, Literal } from "./filter.js";

/** One of three base tests; `flip` 1 inverts its outcome (`>=` is `<` inverted). */
export interface ColumnTest<T> {
  readonly base: "less" | "lessOrEqual" | "equal";
  readonly flip: 0 | 1;
  readonly value: T;
}

const baseTests: Readonly<Record<CompareOperator, Pick<ColumnTest<never>, "base" | "flip">>> = {
  "<": { base: "less", flip: 0 },
  ">=": { base: "less", flip: 1 },
  "<=": { base: "lessOrEqual", flip: 0 },
  ">": { base: "lessOrEqual", flip: 1 },
  "==": { base: "equal", flip: 0 },
  "!=": { base: "equal", flip: 1 },
};

/** Beyond Int64, so equal to none. */
const noInt64 = 2n ** 64n;

export function testOf<T>(operator: CompareOperator, value: T): ColumnTest<T> {
  return { ...baseTests[operator], value };
}

/** For an integer `x`, `x < 2.5` is `x < 3`, `x <= 2.5` is `x <= 2`, and `x == 2.5` never holds. */
export function int64Test(operator: CompareOperator, literal: bigint | number): ColumnTest<bigint> {
  if (typeof literal === "bigint") return testOf(operator, literal);
  const { base, flip } = baseTests[operator];
  if (base === "equal") return { base, flip, value: int64Of(literal) ?? noInt64 };
  const round = base === "less" ? Math.ceil : Math.floor;
  return { base, flip, value: BigInt(round(literal)) };
}

/**
 * An integer that no double is equal to lies between two: `x < c` and `x <= c` then both mean
 * `x < n` where `n` is the double above, or `x <= n` where it is the one below.
 */
export function doubleTest(
  operator: CompareOperator,
  literal: bigint | number,
): ColumnTest<number> {
  const value = Number(literal);
  if (typeof literal === "number" || BigInt(value) === literal) return testOf(operator, value);
  const { base, flip } = baseTests[operator];
  if (base === "equal") return { base, flip, value: Number.NaN };
  return { base: BigInt(value) > literal ? "less" : "lessOrEqual", flip, value };
}

/** A decimal is read in the column's own precision, or `f == 0.1` would not find a stored 0.1. */
export function floatTest(operator: CompareOperator, literal: bigint | number): ColumnTest<number> {
  return doubleTest(operator, typeof literal === "number" ? Math.fround(literal) : literal);
}

/** The bigint that is equal to a literal, if there is one. */
export function int64Of(literal: Literal): bigint | undefined {
  if (typeof literal === "bigint") return literal;
  return Number.isInteger(literal) ? BigInt(literal as number) : undefined;
}

/** The double that is equal to a literal, if there is one. */
export function doubleOf(literal: Literal): number | undefined {
  if (typeof literal === "number") return literal;
  if (typeof literal !== "bigint") return undefined;
  const value = Number(literal);
  return BigInt(value) === literal ? value : undefined;
}

/** The value of a Float column that a literal stands for, if there is one. */
export function floatOf(literal: Literal): number | undefined {
  return typeof literal === "number" ? Math.fround(literal) : doubleOf(literal);
}
