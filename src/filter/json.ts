// Tests on values inside a JSON column, whose type may differ from row to row.
import type { JsonColumn } from "../rows/columns.js";
import { doubleOf, doubleTest, testOf } from "./bounds.js";
import type { Outcome } from "./compare.js";
import type { Absence, Comparison, Membership, Operand, Predicate, Resemblance } from "./filter.js";
import { compileLike } from "./like.js";

/**
 * A missing value is a null. Values of different types are unequal, but neither is less: of a row
 * that compares `"a"` with 5, `!=` is true and `<`, like `not <`, unknown.
 */
export function testJson(predicate: Predicate, column: JsonColumn, outcome: Outcome): void {
  switch (predicate.kind) {
    case "compare":
      compareJson(predicate, column, outcome);
      break;
    case "in":
      containsJson(predicate, column, outcome);
      break;
    case "like":
      likeJson(predicate, column, outcome);
      break;
    case "null":
      nullJson(predicate, column, outcome);
      break;
  }
}

function valueAt(column: JsonColumn, row: number, path: Operand["path"]): unknown {
  if (column.valid?.[row] === 0) return null;
  let value = column.values[row];
  for (const step of path) {
    if (typeof value !== "object" || value === null) return null;
    // Own properties only, and numbers for arrays only: no row has a `constructor` or a `length`.
    const isHere =
      Array.isArray(value) === (typeof step === "number") && Object.hasOwn(value, step);
    if (!isHere) return null;
    value = (value as Record<string | number, unknown>)[step];
  }
  return value ?? null;
}

function compareJson(
  { operand, operator, value: literal }: Comparison,
  column: JsonColumn,
  outcome: Outcome,
): void {
  const isNumeric = typeof literal === "bigint" || typeof literal === "number";
  const { base, flip, value } = isNumeric
    ? doubleTest(operator, literal)
    : testOf(operator, literal);
  const type = typeof value;
  for (let row = 0; row < outcome.length; row += 1) {
    const found = valueAt(column, row, operand.path);
    if (base === "equal") {
      outcome[row] = found === null ? 0 : (found === value ? 1 : 0) ^ flip;
    } else if (typeof found === type) {
      const number = found as number;
      const isBelow = base === "less" ? number < (value as number) : number <= (value as number);
      outcome[row] = (isBelow ? 1 : 0) ^ flip;
    } else {
      outcome[row] = 0;
    }
  }
}

function containsJson(
  { operand, values, negated }: Membership,
  column: JsonColumn,
  outcome: Outcome,
): void {
  const set = new Set<unknown>(
    values.map((value) => (typeof value === "bigint" ? doubleOf(value) : value)),
  );
  for (let row = 0; row < outcome.length; row += 1) {
    const found = valueAt(column, row, operand.path);
    outcome[row] = found !== null && set.has(found) !== negated ? 1 : 0;
  }
}

function likeJson(
  { operand, pattern, negated }: Resemblance,
  column: JsonColumn,
  outcome: Outcome,
): void {
  const matches = compileLike(pattern);
  for (let row = 0; row < outcome.length; row += 1) {
    const found = valueAt(column, row, operand.path);
    outcome[row] = typeof found === "string" && matches(found) !== negated ? 1 : 0;
  }
}

function nullJson({ operand, negated }: Absence, column: JsonColumn, outcome: Outcome): void {
  for (let row = 0; row < outcome.length; row += 1) {
    outcome[row] = (valueAt(column, row, operand.path) === null) !== negated ? 1 : 0;
  }
}
