// What is wrong with one value of a row or request, before it is known where the value stands.
import { type ErrorCode, type Refused, refused } from "../contract/errors.js";

export interface ValueProblem {
  readonly code: ErrorCode;
  /** Continues a sentence whose subject is the value's place: "is null". */
  readonly text: string;
  readonly hint?: string;
}

/** Puts a client's value into its place of a typed array or list; says why not. */
export type ValueWriter = (value: unknown, index: number) => ValueProblem | null;

export function valueRefused(where: string, problem: ValueProblem): Refused {
  return refused(problem.code, `${where} ${problem.text}`, problem.hint);
}

export function typeName(value: unknown): string {
  if (value === null || value === undefined) return "null";
  if (Array.isArray(value)) return "an array";
  if (ArrayBuffer.isView(value)) return "binary";
  if (typeof value === "object") return "an object";
  return `a ${typeof value}`;
}

export function wrongType(value: unknown, wanted: string): ValueProblem {
  return { code: "invalid-row", text: `is ${typeName(value)}, not ${wanted}` };
}

export function outOfRange(text: string, hint?: string): ValueProblem {
  const problem = { code: "value-out-of-range", text } as const;
  return hint === undefined ? problem : { ...problem, hint };
}
