// The words of the filter language, and the lexer that finds them.
import { createToken, type IToken, Lexer, type TokenType } from "chevrotain";
import { type Problem, problem, shown } from "./syntax.js";

export const Identifier = createToken({
  name: "Identifier",
  label: "a field",
  pattern: /\$?[A-Za-z_][A-Za-z0-9_]*/,
});

function word(name: string, pattern: RegExp): TokenType {
  return createToken({ name, label: `'${name.toLowerCase()}'`, pattern, longer_alt: Identifier });
}
function sign(name: string, text: string): TokenType {
  return createToken({ name, label: `'${text}'`, pattern: text });
}

export const And = createToken({
  name: "And",
  label: "'and'",
  pattern: /and|AND|&&/,
  longer_alt: Identifier,
});
export const Or = createToken({
  name: "Or",
  label: "'or'",
  pattern: /or|OR|\|\|/,
  longer_alt: Identifier,
});
export const NotWord = word("Not", /not|NOT/);
export const In = word("In", /in|IN/);
export const Like = word("Like", /like|LIKE/);
export const Is = word("Is", /is|IS/);
export const Null = word("Null", /null|NULL/);
export const BooleanWord = createToken({
  name: "Boolean",
  label: "true or false",
  pattern: /true|True|TRUE|false|False|FALSE/,
  longer_alt: Identifier,
});

export const CompareSign = createToken({
  name: "Compare",
  label: "a comparison",
  pattern: /==|!=|<=|>=|<|>/,
});
export const NotSign = sign("NotSign", "!");
export const OpenParenthesis = sign("OpenParenthesis", "(");
export const CloseParenthesis = sign("CloseParenthesis", ")");
export const OpenBracket = sign("OpenBracket", "[");
export const CloseBracket = sign("CloseBracket", "]");
export const Comma = sign("Comma", ",");
export const Minus = sign("Minus", "-");
export const Plus = sign("Plus", "+");
/** No rule takes it; it is a word so that the parser can say what was meant. */
export const Equals = sign("Equals", "=");

export const Float = createToken({
  name: "Float",
  label: "a number",
  pattern: /(?:\d+\.\d*|\.\d+)(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+/,
});
export const Integer = createToken({ name: "Integer", label: "a number", pattern: /\d+/ });
/**
 * The closing quote is optional, so that a string that is never closed is one token to the end of
 * the text: were it an error here, every later quote would be tried as a start, in quadratic time.
 */
export const Text = createToken({
  name: "String",
  label: "a string",
  pattern: /"[^"\\]*(?:\\[\s\S][^"\\]*)*"?|'[^'\\]*(?:\\[\s\S][^'\\]*)*'?/,
  line_breaks: true,
});

const Space = createToken({ name: "Space", pattern: /[ \t\r\n]+/, group: Lexer.SKIPPED });

/** In order of preference: keywords before identifiers, the longer sign before the shorter. */
export const tokens = [
  Space,
  And,
  Or,
  NotWord,
  In,
  Like,
  Is,
  Null,
  BooleanWord,
  Identifier,
  Float,
  Integer,
  Text,
  CompareSign,
  NotSign,
  OpenParenthesis,
  CloseParenthesis,
  OpenBracket,
  CloseBracket,
  Comma,
  Minus,
  Plus,
  Equals,
];

const lexer = new Lexer(tokens, {
  positionTracking: "onlyOffset",
  ensureOptimizations: true,
  recoveryEnabled: false,
});

const characterHints: Readonly<Record<string, string>> = {
  ".": 'a key of a JSON field is written field["key"]',
  "&": "write 'and' or '&&'",
  "|": "write 'or' or '||'",
};

export function tokenize(text: string): readonly IToken[] | Problem {
  const { tokens: found, errors } = lexer.tokenize(text);
  const error = errors[0];
  if (error === undefined) return found;
  const character = String.fromCodePoint(text.codePointAt(error.offset) ?? 0);
  const message = `the character '${shown(character)}' has no meaning here`;
  return problem(error.offset, message, characterHints[character]);
}
