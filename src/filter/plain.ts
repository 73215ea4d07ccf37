// Tests on columns whose values are all of one type.
import type { ScalarColumn } from "../rows/columns.js";
import { doubleOf, doubleTest, floatOf, floatTest, int64Of, int64Test, testOf } from "./bounds.js";
import { compareInt64, compareNumbers, compareStrings, contains, type Outcome } from "./compare.js";
import type { Comparison, Literal, Membership, Predicate, Resemblance } from "./filter.js";
import { compileLike } from "./like.js";

type PlainColumn = Exclude<ScalarColumn, { readonly type: "JSON" }>;

export function testPlain(predicate: Predicate, column: PlainColumn, outcome: Outcome): void {
  const { valid } = column;
  if (predicate.kind === "null") {
    for (let row = 0; row < outcome.length; row += 1) {
      outcome[row] = (valid?.[row] === 0) !== predicate.negated ? 1 : 0;
    }
    return;
  }
  if (predicate.kind === "compare") comparePlain(predicate, column, outcome);
  else if (predicate.kind === "in") containsPlain(predicate, column, outcome);
  else likePlain(predicate, column, outcome);
  if (valid === undefined) return;
  for (let row = 0; row < outcome.length; row += 1) {
    outcome[row] = (outcome[row] as number) & (valid[row] as number);
  }
}

function comparePlain(
  { operator, value }: Comparison,
  column: PlainColumn,
  outcome: Outcome,
): void {
  switch (column.type) {
    case "Int64":
      compareInt64(column.values, int64Test(operator, numeric(value)), outcome);
      break;
    case "Float":
      compareNumbers(column.values, floatTest(operator, numeric(value)), outcome);
      break;
    case "Int8":
    case "Int16":
    case "Int32":
    case "Double":
      compareNumbers(column.values, doubleTest(operator, numeric(value)), outcome);
      break;
    case "Bool":
      compareNumbers(column.values, testOf(operator, byteOf(value)), outcome);
      break;
    case "VarChar":
      compareStrings(column.values, testOf(operator, textual(value)), outcome);
      break;
  }
}

function containsPlain(
  { values, negated }: Membership,
  column: PlainColumn,
  outcome: Outcome,
): void {
  const flip = negated ? 1 : 0;
  switch (column.type) {
    case "Int64":
      contains(column.values, setOf(values, int64Of), flip, outcome);
      break;
    case "Float":
      contains(column.values, setOf(values, floatOf), flip, outcome);
      break;
    case "Int8":
    case "Int16":
    case "Int32":
    case "Double":
      contains(column.values, setOf(values, doubleOf), flip, outcome);
      break;
    case "Bool":
      contains(column.values, setOf(values, byteOf), flip, outcome);
      break;
    case "VarChar":
      contains(column.values, setOf(values, textual), flip, outcome);
      break;
  }
}

function likePlain({ pattern, negated }: Resemblance, column: PlainColumn, outcome: Outcome): void {
  if (column.type !== "VarChar") throw new Error(`like on a column of type ${column.type}`);
  const matches = compileLike(pattern);
  const { values } = column;
  for (let row = 0; row < outcome.length; row += 1) {
    outcome[row] = matches(values[row] as string) !== negated ? 1 : 0;
  }
}

/** Literals that no value of the column can equal are left out. */
function setOf<T>(literals: readonly Literal[], convert: (literal: Literal) => T | undefined) {
  const set = new Set<T>();
  for (const literal of literals) {
    const value = convert(literal);
    if (value !== undefined) set.add(value);
  }
  return set;
}

function numeric(literal: Literal): bigint | number {
  if (typeof literal === "bigint" || typeof literal === "number") return literal;
  throw new Error(`a number column compared with a ${typeof literal}`);
}

function textual(literal: Literal): string {
  if (typeof literal === "string") return literal;
  throw new Error(`a VarChar column compared with a ${typeof literal}`);
}

/** A Bool column holds bytes, 0 or 1. */
function byteOf(literal: Literal): 0 | 1 {
  if (typeof literal === "boolean") return literal ? 1 : 0;
  throw new Error(`a Bool column compared with a ${typeof literal}`);
}
