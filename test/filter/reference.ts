// A second, naive meaning of filters: row by row, in SQL's three values, from a tree of its own.
import { type FieldName, fieldTypesByName, type Row } from "./collection.js";

export type Value = bigint | number | string | boolean;
export type Operator = "==" | "!=" | "<" | "<=" | ">" | ">=";

/** `dynamic` fields are keys of `$meta`. */
export interface Place {
  readonly field: FieldName | "dynamic";
  readonly path: readonly (string | number)[];
}
export type Expression =
  | { readonly kind: "and" | "or"; readonly terms: readonly Expression[] }
  | { readonly kind: "not"; readonly inner: Expression }
  | {
      readonly kind: "compare";
      readonly place: Place;
      readonly operator: Operator;
      readonly value: Value;
      readonly mirrored: boolean;
    }
  | {
      readonly kind: "in";
      readonly place: Place;
      readonly values: readonly Value[];
      readonly negated: boolean;
    }
  | { readonly kind: "like"; readonly place: Place; readonly pattern: string }
  | { readonly kind: "is-null"; readonly place: Place; readonly negated: boolean };

type Truth = boolean | null;

export function truthOf(expression: Expression, row: Row): Truth {
  switch (expression.kind) {
    case "and":
      return conjunction(expression.terms.map((term) => truthOf(term, row)));
    case "or":
      return not(conjunction(expression.terms.map((term) => not(truthOf(term, row)))));
    case "not":
      return not(truthOf(expression.inner, row));
    case "compare":
      return compare(cellOf(expression.place, row), expression.operator, expression.value);
    case "in": {
      const cell = cellOf(expression.place, row);
      if (cell === null) return null;
      const isIn = expression.values.some((value) => compare(cell, "==", value) === true);
      return isIn !== expression.negated;
    }
    case "like": {
      const { value: text } = cellOf(expression.place, row) ?? { value: null };
      return typeof text === "string" ? resembles([...text], symbolsOf(expression.pattern)) : null;
    }
    case "is-null":
      return (cellOf(expression.place, row) === null) !== expression.negated;
  }
}

function not(truth: Truth): Truth {
  return truth === null ? null : !truth;
}

function conjunction(truths: readonly Truth[]): Truth {
  if (truths.includes(false)) return false;
  return truths.includes(null) ? null : true;
}

interface Cell {
  readonly value: unknown;
  readonly isJson: boolean;
  readonly isSingle: boolean;
}

function cellOf({ field, path }: Place, row: Row): Cell | null {
  const isJson = field === "dynamic" || fieldTypesByName[field] === "JSON";
  let value: unknown = field === "dynamic" ? row.$meta : row[field];
  for (const step of path) {
    const entries = Array.isArray(value)
      ? value.map((element, index): [string | number, unknown] => [index, element])
      : Object.entries((value ?? {}) as object);
    if (typeof value !== "object") return null;
    value = entries.find(([key]) => key === step)?.[1];
  }
  if (value === null || value === undefined) return null;
  const isSingle = field !== "dynamic" && fieldTypesByName[field] === "Float";
  return { value, isJson, isSingle };
}

function familyOf(value: unknown): string {
  return typeof value === "bigint" ? "number" : typeof value;
}

function compare(cell: Cell | null, operator: Operator, literal: Value): Truth {
  if (cell === null) return null;
  if (familyOf(cell.value) !== familyOf(literal)) {
    if (operator === "==") return false;
    return operator === "!=" ? true : null;
  }
  const isDecimal = typeof literal === "number";
  const right = cell.isSingle && isDecimal ? Math.fround(literal) : literal;
  // JavaScript orders a bigint and a number by their exact values.
  const left = cell.value as Value;
  const isLess = left < right;
  const isGreater = left > right;
  switch (operator) {
    case "<":
      return isLess;
    case ">":
      return isGreater;
    case "<=":
      return !isGreater;
    case ">=":
      return !isLess;
    case "==":
      return !isLess && !isGreater;
    case "!=":
      return isLess || isGreater;
  }
}

const any = Symbol("any text");
const one = Symbol("any character");
type Sign = string | typeof any | typeof one;

function symbolsOf(pattern: string): readonly Sign[] {
  const characters = [...pattern];
  const symbols: Sign[] = [];
  for (let at = 0; at < characters.length; at += 1) {
    const character = characters[at] as string;
    if (character === "\\") {
      at += 1;
      symbols.push(characters[at] as string);
    } else symbols.push(character === "%" ? any : character === "_" ? one : character);
  }
  return symbols;
}

/** By the table of all prefixes: slow, and plainly what the words mean. */
export function resembles(text: readonly string[], symbols: readonly Sign[]): boolean {
  let matched = Array.from({ length: text.length + 1 }, (_, length) => length === 0);
  for (const symbol of symbols) {
    const next: boolean[] = [];
    for (let length = 0; length <= text.length; length += 1) {
      const before = length > 0 && matched[length - 1] === true;
      next[length] =
        symbol === any
          ? matched[length] === true || (length > 0 && next[length - 1] === true)
          : before && (symbol === one || symbol === text[length - 1]);
    }
    matched = next;
  }
  return matched[text.length] === true;
}

export function resemblesPattern(text: string, pattern: string): boolean {
  return resembles([...text], symbolsOf(pattern));
}
