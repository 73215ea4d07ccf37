// From literals as written to values: exact integers, finite floats, unescaped strings.
import type { Literal } from "./filter.js";
import { type LiteralSyntax, type Problem, problem, shown } from "./syntax.js";

const int64Min = -(2n ** 63n);
const int64Max = 2n ** 63n - 1n;
const integerDigitsMax = 19;

const escapes: Readonly<Record<string, string>> = {
  "\\": "\\",
  "/": "/",
  "'": "'",
  '"': '"',
  n: "\n",
  r: "\r",
  t: "\t",
  b: "\b",
  f: "\f",
  v: "\v",
};

export function literalValue(literal: LiteralSyntax): Literal | Problem {
  switch (literal.type) {
    case "integer":
      return integerValue(literal);
    case "float":
      return floatValue(literal);
    case "string":
      return textValue(literal, false);
    case "boolean":
      return literal.text.toLowerCase() === "true";
    case "null":
      return problem(literal.offset, "nothing equals null", "write 'is null' or 'is not null'");
  }
}

function integerValue({ text, negative, offset }: LiteralSyntax): bigint | Problem {
  if (text.length > 1 && text.startsWith("0")) {
    return problem(offset, `the integer '${shown(text)}' begins with a zero`);
  }
  const value = text.length > integerDigitsMax ? int64Max + 2n : BigInt(text);
  const signed = negative ? -value : value;
  if (signed >= int64Min && signed <= int64Max) return signed;
  const hint = "a float, such as 1e20, may be larger";
  return problem(offset, `the integer '${shown(text)}' does not fit into an Int64`, hint);
}

function floatValue({ text, negative, offset }: LiteralSyntax): number | Problem {
  const value = Number(text);
  if (Number.isFinite(value)) return negative ? -value : value;
  return problem(offset, `the number '${shown(text)}' is too large for a Double`);
}

/**
 * A string without its quotes and escapes. In a pattern `\%` and `\_` stay as they are, for `like`
 * to read; elsewhere they would be mistakes.
 */
export function textValue(literal: LiteralSyntax, isPattern: boolean): string | Problem {
  const { text, offset } = literal;
  const parts: string[] = [];
  let position = 1;
  for (;;) {
    const end = nextSpecial(text, position);
    parts.push(text.slice(position, end));
    if (end === text.length) return problem(offset, `the string ${shown(text)} is never closed`);
    if (text[end] !== "\\") return parts.join("");
    const found = escapeAt(text, end, isPattern);
    if (found === undefined) {
      const sequence = shown(text.slice(end, end + 2));
      return problem(offset + end, `'${sequence}' is no escape`, "a backslash is written \\\\");
    }
    parts.push(found.value);
    position = end + found.length;
  }
}

/** Where the next backslash or the closing quote is, or the text's length. */
function nextSpecial(text: string, from: number): number {
  const quote = text.charCodeAt(0);
  for (let at = from; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit === quote || unit === 0x5c) return at;
  }
  return text.length;
}

function escapeAt(
  text: string,
  at: number,
  isPattern: boolean,
): { readonly value: string; readonly length: number } | undefined {
  const letter = text.charAt(at + 1);
  if (isPattern && (letter === "%" || letter === "_")) return { value: `\\${letter}`, length: 2 };
  if (letter === "x" || letter === "u") {
    const digits = text.slice(at + 2, at + (letter === "x" ? 4 : 6));
    const isWhole = digits.length === (letter === "x" ? 2 : 4) && /^[0-9A-Fa-f]+$/.test(digits);
    if (!isWhole) return undefined;
    return { value: String.fromCharCode(Number.parseInt(digits, 16)), length: 2 + digits.length };
  }
  const value = Object.hasOwn(escapes, letter) ? escapes[letter] : undefined;
  return value === undefined ? undefined : { value, length: 2 };
}
