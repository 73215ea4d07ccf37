// `like` patterns: the wildcards, escapes, characters beyond the basic plane, and a naive twin.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compileLike, patternProblem, patternUnitsMax } from "../../src/filter/like.js";
import { resemblesPattern } from "./reference.js";

describe("matches", () => {
  test.each([
    ["abc", "abc", true],
    ["abc", "abcd", false],
    ["", "", true],
    ["", "a", false],
    ["%", "", true],
    ["%", "anything\nat all", true],
    ["a%", "a", true],
    ["a%", "ba", false],
    ["%a", "ba", true],
    ["%b%", "abc", true],
    ["a%a", "a", false],
    ["a%a", "aa", true],
    ["ab%bc", "abc", false],
    ["%ab%ab%", "abab", true],
    ["%ab%ab%", "aab", false],
    ["a%b%c", "a-b-b-c-c", true],
    ["a%b%c", "acb", false],
    ["%%a%%", "xax", true],
    ["_", "", false],
    ["_", "a", true],
    ["_", "\n", true],
    ["_", "ab", false],
    ["a_c", "abc", true],
    ["%_", "", false],
    ["%_a", "aa", true],
    ["_%_", "a", false],
    ["%a_c%", "abbabc", true],
    ["a_%_b", "a12b", true],
    ["a_%_b", "a1b", false],
    ["50\\%", "50%", true],
    ["50\\%", "500", false],
    ["a\\_b", "a_b", true],
    ["a\\_b", "axb", false],
    ["\\\\%", "\\x", true],
    ["\\a", "a", true],
    [".*", "ab", false],
    ["a+(b)[c]", "a+(b)[c]", true],
    ["_", "\u{1f426}", true],
    ["__", "\u{1f426}", false],
    ["%_b", "\u{1f426}b", true],
    ["%\u{1f426}%", "a\u{1f426}b", true],
    ["_", "\ud83d", true],
    ["café_", "café!", true],
  ])("%j like %j on %j", (pattern, value, expected) => {
    expect(compileLike(pattern)(value)).toBe(expected);
  });
});

test("agrees with the table of all prefixes", () => {
  const letters = ["a", "b", "\u{1f426}"];
  const pattern = fc
    .array(fc.constantFrom(...letters, "%", "_", "\\%", "\\_", "\\\\"), { maxLength: 8 })
    .map((parts) => parts.join(""));
  const value = fc.string({ unit: fc.constantFrom(...letters, "%", "_", "\\"), maxLength: 12 });
  let matching = 0;
  fc.assert(
    fc.property(pattern, fc.array(value, { minLength: 1, maxLength: 8 }), (like, values) => {
      const matches = compileLike(like);
      for (const text of values) {
        const expected = resemblesPattern(text, like);
        if (expected) matching += 1;
        expect(matches(text), `${like} on ${text}`).toBe(expected);
      }
    }),
    { numRuns: 5000 },
  );
  expect(matching).toBeGreaterThan(500);
});

test("a value longer than any before it is matched whole", () => {
  const matches = compileLike("a_%z");
  expect(matches("abz")).toBe(true);
  expect(matches(`a${"b".repeat(10_000)}z`)).toBe(true);
  expect(matches(`a${"b".repeat(10_000)}`)).toBe(false);
  expect(matches("az")).toBe(false);
});

test("patterns have a longest length, and do not end in a backslash", () => {
  expect(patternProblem("a".repeat(patternUnitsMax))).toBeUndefined();
  expect(patternProblem("a".repeat(patternUnitsMax + 1))).toContain("1024");
  expect(patternProblem("a\\")).toContain("backslash");
  expect(patternProblem("a\\\\")).toBeUndefined();
  expect(() => compileLike("a\\")).toThrow("never checked");
});
