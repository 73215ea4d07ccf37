// What a filter's text says, before the schema says what its names mean.
import type { CompareOperator } from "./filter.js";

export type LiteralType = "integer" | "float" | "string" | "boolean" | "null";

/** `offset` is where in the text a part begins, in UTF-16 code units. */
interface Located {
  readonly offset: number;
}
/** `text` is as written, quotes and escapes included; a leading minus is `negative`. */
export interface LiteralSyntax extends Located {
  readonly kind: "literal";
  readonly type: LiteralType;
  readonly text: string;
  readonly negative: boolean;
}
export interface FieldSyntax extends Located {
  readonly kind: "field";
  readonly name: string;
  readonly path: readonly LiteralSyntax[];
}
export interface GroupSyntax extends Located {
  readonly kind: "and" | "or";
  readonly terms: readonly Syntax[];
}
export interface NotSyntax extends Located {
  readonly kind: "not";
  readonly operand: Syntax;
}
export interface CompareSyntax extends Located {
  readonly kind: "compare";
  readonly left: Syntax;
  readonly operator: CompareOperator;
  readonly right: Syntax;
}
export interface InSyntax extends Located {
  readonly kind: "in";
  readonly left: Syntax;
  readonly values: readonly LiteralSyntax[];
  readonly negated: boolean;
}
export interface LikeSyntax extends Located {
  readonly kind: "like";
  readonly left: Syntax;
  readonly pattern: LiteralSyntax;
}
export interface NullSyntax extends Located {
  readonly kind: "is";
  readonly left: Syntax;
  readonly negated: boolean;
}
export type Syntax =
  | LiteralSyntax
  | FieldSyntax
  | GroupSyntax
  | NotSyntax
  | CompareSyntax
  | InSyntax
  | LikeSyntax
  | NullSyntax;

/** Why a text is not a filter. */
export interface Problem extends Located {
  readonly kind: "problem";
  readonly message: string;
  readonly hint?: string;
}

export function problem(offset: number, message: string, hint?: string): Problem {
  return { kind: "problem", offset, message, ...(hint === undefined ? {} : { hint }) };
}

export function isProblem<T>(value: T | Problem): value is Problem {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "problem";
}

const shownMax = 64;

/** A piece of the author's text for a message: one line, and never the whole of a large one. */
export function shown(text: string): string {
  const cut = text.length > shownMax ? `${text.slice(0, shownMax)}...` : text;
  return JSON.stringify(cut).slice(1, -1).replaceAll('\\"', '"').replaceAll("\\\\", "\\");
}
