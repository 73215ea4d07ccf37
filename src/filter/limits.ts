// Bounds on a filter's text, checked before anything recurses over it.
import type { IToken } from "chevrotain";
import { type Problem, problem } from "./syntax.js";
import {
  CloseBracket,
  CloseParenthesis,
  NotSign,
  NotWord,
  OpenBracket,
  OpenParenthesis,
} from "./tokens.js";

export const textBytesMax = 64 * 1024;
export const nestingMax = 64;
export const listTermsMax = 10_000;
export const pathStepsMax = 64;
/** Of a filter after chains of `==` have become one `in`: bounds what a hostile one can cost. */
export const testsMax = 1_024;

export function lengthProblem(text: string): Problem | undefined {
  // A code unit takes a byte at least: a text that is far too long need not be measured.
  const tooLong = text.length > textBytesMax || Buffer.byteLength(text) > textBytesMax;
  if (!tooLong) return undefined;
  const hint = "put long lists of keys into several requests";
  return problem(0, `the filter is longer than ${textBytesMax} bytes`, hint);
}

/** Nesting is what an operand stands inside: parentheses, brackets and the `not`s before it. */
export function nestingProblem(tokens: readonly IToken[]): Problem | undefined {
  const opened: number[] = [];
  let depth = 0;
  let nots = 0;
  for (const token of tokens) {
    const type = token.tokenType;
    if (type === NotWord || type === NotSign) {
      depth += 1;
      nots += 1;
    } else if (type === OpenParenthesis || type === OpenBracket) {
      depth += 1;
      opened.push(nots + 1);
      nots = 0;
    } else {
      depth -= nots;
      nots = 0;
      if (type === CloseParenthesis || type === CloseBracket) depth -= opened.pop() ?? 0;
    }
    if (depth > nestingMax) {
      return problem(token.startOffset, `the filter nests more than ${nestingMax} levels deep`);
    }
  }
  return undefined;
}
