// Gives a filter's syntax its meaning under a schema: names, types, and `not` pushed to the leaves.
import type { CollectionSchema } from "../rows/schema.js";
import type { CompareOperator, Filter, Literal } from "./filter.js";
import { groupOf } from "./group.js";
import { patternProblem } from "./like.js";
import { listTermsMax } from "./limits.js";
import { literalValue, textValue } from "./literals.js";
import { conditionOf, literalProblem, subjectOf } from "./operands.js";
import {
  type CompareSyntax,
  type FieldSyntax,
  type GroupSyntax,
  type InSyntax,
  isProblem,
  type LikeSyntax,
  type LiteralSyntax,
  type NullSyntax,
  type Problem,
  problem,
  type Syntax,
} from "./syntax.js";

/** `a < b` is `b > a`. */
const mirrored: Readonly<Record<CompareOperator, CompareOperator>> = {
  "==": "==",
  "!=": "!=",
  "<": ">",
  ">": "<",
  "<=": ">=",
  ">=": "<=",
};
/** `not (a < b)` is `a >= b`: either is unknown where the other is. */
const inverted: Readonly<Record<CompareOperator, CompareOperator>> = {
  "==": "!=",
  "!=": "==",
  "<": ">=",
  ">=": "<",
  ">": "<=",
  "<=": ">",
};

export function bindFilter(syntax: Syntax, schema: CollectionSchema): Filter | Problem {
  return bind(syntax, schema, false);
}

/** Its depth is the depth of parentheses and `not`s, which is bounded before. */
function bind(syntax: Syntax, schema: CollectionSchema, negated: boolean): Filter | Problem {
  switch (syntax.kind) {
    case "and":
    case "or":
      return bindGroup(syntax, schema, negated);
    case "not":
      return bind(syntax.operand, schema, !negated);
    case "compare":
      return bindComparison(syntax, schema, negated);
    case "in":
      return bindMembership(syntax, schema, negated);
    case "like":
      return bindLike(syntax, schema, negated);
    case "is":
      return bindNull(syntax, schema, negated);
    case "field":
      return bindBareField(syntax, schema, negated);
    case "literal":
      return problem(syntax.offset, "a constant alone is no condition", "compare a field with it");
  }
}

function bindGroup(
  syntax: GroupSyntax,
  schema: CollectionSchema,
  negated: boolean,
): Filter | Problem {
  const kind = (syntax.kind === "and") === negated ? "any" : "all";
  const terms: Filter[] = [];
  for (const part of syntax.terms) {
    const term = bind(part, schema, negated);
    if (isProblem(term)) return term;
    if (term.kind === kind) for (const inner of term.terms) terms.push(inner);
    else terms.push(term);
  }
  return groupOf(kind, terms);
}

function bindComparison(
  syntax: CompareSyntax,
  schema: CollectionSchema,
  negated: boolean,
): Filter | Problem {
  const { left, right } = syntax;
  if (left.kind === "literal" && right.kind === "literal") {
    return problem(left.offset, "a comparison of two constants is no condition on a row");
  }
  if (left.kind === "literal") return compareWith(right, mirrored[syntax.operator], left);
  if (right.kind === "literal") return compareWith(left, syntax.operator, right);
  return problem(right.offset, "one side of a comparison has to be a constant");

  function compareWith(side: Syntax, operator: CompareOperator, constant: LiteralSyntax) {
    const subject = subjectOf(side, schema);
    if (isProblem(subject)) return subject;
    const value = literalValue(constant);
    if (isProblem(value)) return value;
    const mismatch = literalProblem(subject, value, constant.offset);
    if (mismatch !== undefined) return mismatch;
    if (typeof value === "boolean" && operator !== "==" && operator !== "!=") {
      return problem(constant.offset, `'${operator}' has no meaning for true and false`);
    }
    return {
      kind: "compare",
      operand: subject.operand,
      operator: negated ? inverted[operator] : operator,
      value: subject.flipped ? !value : value,
    } as const;
  }
}

function bindMembership(
  syntax: InSyntax,
  schema: CollectionSchema,
  negated: boolean,
): Filter | Problem {
  if (syntax.values.length > listTermsMax) {
    return problem(syntax.offset, `a list has at most ${listTermsMax} terms`);
  }
  const subject = subjectOf(syntax.left, schema);
  if (isProblem(subject)) return subject;
  const values: Literal[] = [];
  for (const literal of syntax.values) {
    const value = literalValue(literal);
    if (isProblem(value)) return value;
    const mismatch = literalProblem(subject, value, literal.offset);
    if (mismatch !== undefined) return mismatch;
    values.push(subject.flipped ? !value : value);
  }
  return { kind: "in", operand: subject.operand, values, negated: syntax.negated !== negated };
}

function bindLike(syntax: LikeSyntax, schema: CollectionSchema, negated: boolean) {
  const subject = subjectOf(syntax.left, schema);
  if (isProblem(subject)) return subject;
  const pattern = textValue(syntax.pattern, true);
  if (isProblem(pattern)) return pattern;
  const mismatch = literalProblem(subject, pattern, syntax.pattern.offset);
  if (mismatch !== undefined) return mismatch;
  const wrong = patternProblem(pattern);
  if (wrong !== undefined) return problem(syntax.pattern.offset, wrong);
  return { kind: "like", operand: subject.operand, pattern, negated } as const;
}

function bindNull(syntax: NullSyntax, schema: CollectionSchema, negated: boolean) {
  const subject = subjectOf(syntax.left, schema);
  if (isProblem(subject)) return subject;
  return { kind: "null", operand: subject.operand, negated: syntax.negated !== negated } as const;
}

/** A Bool field is a condition by itself. */
function bindBareField(syntax: FieldSyntax, schema: CollectionSchema, negated: boolean) {
  const subject = conditionOf(syntax, schema);
  if (isProblem(subject)) return subject;
  return { kind: "compare", operand: subject.operand, operator: "==", value: !negated } as const;
}
