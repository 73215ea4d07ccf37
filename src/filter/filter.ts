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
 * There is no `not`: the binder pushes it down to the leaves, by De Morgan. With SQL's three values
 * a row passes where the filter is true, and a leaf says "true" or "not true" of a row: a null makes
 * a leaf and its negation alike "not true", and `all` and `any` keep that, so a bit a row is enough.
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

/** An operand as the author of a filter would write it. */
export function operandText(operand: Operand): string {
  const steps = operand.path.map((step) => `[${JSON.stringify(step)}]`);
  return `${operand.field}${steps.join("")}`;
}

/** The operand that a name has when the schema does not declare it. */
export function dynamicOperand(name: string, path: Operand["path"]): Operand {
  return { field: dynamicFieldName, path: [name, ...path] };
}
