// A filter's text to a checked filter, or to a message that says where and why it is none.
import type { CollectionSchema } from "../rows/schema.js";
import { bindFilter } from "./bind.js";
import { type Filter, testsOf } from "./filter.js";
import { parseSyntax } from "./grammar.js";
import { lengthProblem, nestingProblem, testsMax } from "./limits.js";
import { isProblem, type Problem, problem } from "./syntax.js";
import { tokenize } from "./tokens.js";

export type FilterResult =
  | { readonly ok: true; readonly filter: Filter }
  | { readonly ok: false; readonly message: string; readonly hint?: string };

/**
 * Logic is SQL's: a test of a null, or of a JSON key that is not there, is unknown, its negation
 * too, and only rows of which the filter is true pass; `is null` asks for the others. `not` binds
 * tighter than comparisons and `in` (as in Milvus) but looser than `like` and `is null`: before a
 * Bool field it needs no parentheses, `not (a == 1)` does, and `not a == 1` is told so.
 */
export function parseFilter(text: string, schema: CollectionSchema): FilterResult {
  const filter = filterOf(text, schema);
  if (!isProblem(filter)) return { ok: true, filter };
  const { offset, message, hint } = filter;
  const placed = `position ${offset + 1}: ${message}`;
  return { ok: false, message: placed, ...(hint === undefined ? {} : { hint }) };
}

function filterOf(text: string, schema: CollectionSchema): Filter | Problem {
  const tooLong = lengthProblem(text);
  if (tooLong !== undefined) return tooLong;
  const tokens = tokenize(text);
  if (isProblem(tokens)) return tokens;
  if (tokens.length === 0) {
    return problem(0, "the filter is empty", "leave the filter out to take every row");
  }
  const tooDeep = nestingProblem(tokens);
  if (tooDeep !== undefined) return tooDeep;
  const syntax = parseSyntax(tokens, text.length);
  if (isProblem(syntax)) return syntax;
  const filter = bindFilter(syntax, schema);
  return isProblem(filter) ? filter : costly(filter);
}

function costly(filter: Filter): Filter | Problem {
  const tests = testsOf(filter);
  if (tests <= testsMax) return filter;
  const hint = "one `in [...]` takes up to 10,000 values and counts as one";
  return problem(0, `the filter makes ${tests} tests of a row, more than ${testsMax}`, hint);
}
