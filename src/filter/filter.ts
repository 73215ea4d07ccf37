// A filter that has been checked against its schema: the tree that evaluation walks.
import { dynamicFieldName } from "../rows/schema.js";

export type CompareOperator = "==" | "!=" | "<" | "<=" | ">" | ">=";

/** Integers are bigints, so that an Int64 compares exactly. */
export type Literal = bigint | number | string | boolean;

/** A column, and for a JSON column the way to a value inside it (`[]` is the whole value). */
export interface Operand {
  readonly field: string;
  readonly path: readonly (string | number)[];
}

export interface Group {
  readonly kind: "all" | "any";
  readonly terms: readonly Filter[];
}
export interface Comparison {
  readonly kind: "compare";
  readonly operand: Operand;
  readonly operator: CompareOperator;
  readonly value: Literal;
}
export interface Membership {
  readonly kind: "in";
  readonly operand: Operand;
  readonly values: readonly Literal[];
  readonly negated: boolean;
}
export interface Resemblance {
  readonly kind: "like";
  readonly operand: Operand;
  readonly pattern: string;
  readonly negated: boolean;
}
export interface Absence {
  readonly kind: "null";
  readonly operand: Operand;
  readonly negated: boolean;
}

/**
 * There is no `not`: it is pushed down to the leaves, by De Morgan. Logic is SQL's, of three
 * values, and a row passes where the filter is true. A test of a null is unknown, and so is its
 * negation: both leaves say "not true", `all` and `any` keep that, and a bit a row is enough.
 */
export type Predicate = Comparison | Membership | Resemblance | Absence;
export type Filter = Group | Predicate;

/** The columns that evaluation reads; `$meta` for fields that the schema does not declare. */
export function fieldsOf(filter: Filter): ReadonlySet<string> {
  const fields = new Set<string>();
  const waiting: Filter[] = [filter];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if ("operand" in next) fields.add(next.operand.field);
    else for (const term of next.terms) waiting.push(term);
  }
  return fields;
}

/** How many tests a row may have to undergo: what an evaluation costs, times the rows. */
export function testsOf(filter: Filter): number {
  let tests = 0;
  const waiting: Filter[] = [filter];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if ("operand" in next) tests += 1;
    else for (const term of next.terms) waiting.push(term);
  }
  return tests;
}

/** The operand that a name has when the schema does not declare it. */
export function dynamicOperand(name: string, path: Operand["path"]): Operand {
  return { field: dynamicFieldName, path: [name, ...path] };
}
