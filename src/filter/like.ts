// The patterns of `like`: `%` is any text, `_` any one character, a backslash takes the next as is.

/** Longest pattern, in UTF-16 code units: it bounds a match to value length x this many steps. */
export const patternUnitsMax = 1024;

const anyText = -2;
const anyCharacter = -1;

/** Why a pattern is not one, or undefined. */
export function patternProblem(pattern: string): string | undefined {
  if (pattern.length > patternUnitsMax) {
    return `a pattern has at most ${patternUnitsMax} characters`;
  }
  return symbolsOf(pattern) === undefined ? "the pattern ends in a lone backslash" : undefined;
}

/**
 * A test whether the whole value matches. It never backtracks: the leftmost place for each part
 * between two `%` is as good as any later one, so one pass over the value decides.
 */
export function compileLike(pattern: string): (value: string) => boolean {
  const symbols = symbolsOf(pattern);
  if (symbols === undefined) throw new Error("a like pattern that was never checked");
  const parts = partsOf(symbols);
  if (symbols.includes(anyCharacter)) return characterMatcher(parts);
  return textMatcher(parts.map((part) => String.fromCodePoint(...part)));
}

/** Code points, with the two wildcards as negative numbers. */
function symbolsOf(pattern: string): readonly number[] | undefined {
  const symbols: number[] = [];
  let isEscaped = false;
  for (const character of pattern) {
    if (!isEscaped && character === "\\") {
      isEscaped = true;
      continue;
    }
    if (!isEscaped && character === "%") symbols.push(anyText);
    else if (!isEscaped && character === "_") symbols.push(anyCharacter);
    else symbols.push(character.codePointAt(0) as number);
    isEscaped = false;
  }
  return isEscaped ? undefined : symbols;
}

/** What stands between the `%`s: the first part is the value's start, the last its end. */
function partsOf(symbols: readonly number[]): readonly (readonly number[])[] {
  const parts: number[][] = [[]];
  for (const symbol of symbols) {
    if (symbol === anyText) parts.push([]);
    else parts.at(-1)?.push(symbol);
  }
  const isEdge = (index: number) => index === 0 || index === parts.length - 1;
  return parts.filter((part, index) => part.length > 0 || isEdge(index));
}

function textMatcher(parts: readonly string[]): (value: string) => boolean {
  const first = parts[0] as string;
  const last = parts.at(-1) as string;
  if (parts.length === 1) return (value) => value === first;
  const middle = parts.slice(1, -1);
  return (value) => {
    if (!value.startsWith(first) || !value.endsWith(last)) return false;
    let position = first.length;
    for (const part of middle) {
      const at = value.indexOf(part, position);
      if (at === -1) return false;
      position = at + part.length;
    }
    return position <= value.length - last.length;
  };
}

/** With `_`, by code points, so that it takes a character beyond the basic plane as one. */
function characterMatcher(parts: readonly (readonly number[])[]): (value: string) => boolean {
  const first = parts[0] as readonly number[];
  const last = parts.at(-1) as readonly number[];
  const middle = parts.slice(1, -1);
  let points = new Int32Array(256);
  return (value) => {
    if (value.length > points.length) points = new Int32Array(value.length);
    const length = decodeInto(value, points);
    if (parts.length === 1) return length === first.length && matchesAt(points, 0, first);
    const end = length - last.length;
    if (end < first.length || !matchesAt(points, 0, first)) return false;
    if (!matchesAt(points, end, last)) return false;
    let position = first.length;
    for (const part of middle) {
      const at = firstMatch(points, position, end - part.length, part);
      if (at === -1) return false;
      position = at + part.length;
    }
    return true;
  };
}

function decodeInto(value: string, points: Int32Array): number {
  let length = 0;
  for (let at = 0; at < value.length; at += 1) {
    const point = value.codePointAt(at) as number;
    if (point > 0xffff) at += 1;
    points[length] = point;
    length += 1;
  }
  return length;
}

function matchesAt(points: Int32Array, at: number, part: readonly number[]): boolean {
  for (let index = 0; index < part.length; index += 1) {
    const symbol = part[index];
    if (symbol !== anyCharacter && symbol !== points[at + index]) return false;
  }
  return true;
}

function firstMatch(
  points: Int32Array,
  from: number,
  through: number,
  part: readonly number[],
): number {
  for (let at = from; at <= through; at += 1) if (matchesAt(points, at, part)) return at;
  return -1;
}
