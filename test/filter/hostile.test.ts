// Filters written to do harm: each is refused or answered, none overflows, hangs or throws.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { evaluateFilter } from "../../src/filter/evaluate.js";
import { listTermsMax, nestingMax, pathStepsMax, textBytesMax } from "../../src/filter/limits.js";
import { parseFilter } from "../../src/filter/parse.js";
import { columnsOf, schemaOf } from "./collection.js";

const schema = schemaOf({ dynamicFields: true });

function outcome(text: string): string {
  const result = parseFilter(text, schema);
  return result.ok ? "ok" : result.message;
}

describe("limits at their edge", () => {
  test("text is at most 64 KiB, in bytes", () => {
    const filler = (bytes: number) => `ok${" ".repeat(bytes - 2)}`;
    expect(outcome(filler(textBytesMax))).toBe("ok");
    expect(outcome(filler(textBytesMax + 1))).toContain("longer than 65536 bytes");
    const birds = (count: number) => `title == '${"\u{1f426}".repeat(count)}'`;
    expect(outcome(birds(16_380))).toBe("ok");
    expect(outcome(birds(16_384))).toContain("longer than 65536 bytes");
  });

  const nest = (open: string, close: string) => (depth: number) =>
    `${open.repeat(depth)}ok${close.repeat(depth)}`;
  test.each([
    ["parentheses", 1, nest("(", ")")],
    ["not", 1, nest("not ", "")],
    ["exclamation marks", 1, nest("!", "")],
    ["not with parentheses", 2, nest("not (", ")")],
    ["parentheses around not", 2, nest("(!", ")")],
  ])("nesting is at most 64 levels: %s", (_, levels, write) => {
    const most = nestingMax / levels;
    expect(outcome(write(most))).toBe("ok");
    expect(outcome(write(most + 1))).toContain("nests more than 64 levels deep");
  });

  test("what stands side by side is not nested", () => {
    expect(outcome(Array(500).fill("not (ok)").join(" or "))).toBe("ok");
    expect(outcome(Array(500).fill("id not in [1]").join(" and "))).toBe("ok");
    expect(outcome(Array(500).fill("!ok").join("&&"))).toBe("ok");
    expect(outcome(Array(500).fill("a[0] is not null").join("||"))).toBe("ok");
  });

  test("lists have at most 10,000 terms, paths at most 64 steps", () => {
    const list = (terms: number) => `id in [${"1,".repeat(terms)}]`;
    expect(outcome(list(listTermsMax))).toBe("ok");
    expect(outcome(list(listTermsMax + 1))).toContain("at most 10000 terms");
    const path = (steps: number) => `meta${"[0]".repeat(steps)} is null`;
    expect(outcome(path(pathStepsMax))).toBe("ok");
    expect(outcome(path(pathStepsMax + 1))).toContain("at most 64 steps");
  });
});

describe("a corpus", () => {
  const depths = "nests more than 64";
  test.each([
    ["a million parentheses", "(".repeat(1_000_000), "longer than"],
    ["64 Ki parentheses", "(".repeat(65_536), depths],
    ["64 Ki closing ones", ")".repeat(65_536), "position 1: expected a field"],
    ["32 Ki pairs", "()".repeat(32_768), "position 2: expected a field"],
    ["parentheses and nots", "(!".repeat(32_768), depths],
    ["brackets", "[".repeat(65_536), depths],
    ["brackets in a list", `id in ${"[".repeat(60_000)}`, depths],
    ["brackets in a path", `a${"[a".repeat(30_000)}`, depths],
    ["700,000 ors", `${"ok||".repeat(700_000)}ok`, "longer than"],
    ["chained comparisons", `id${"==1".repeat(21_000)}`, "found '=='"],
    ["minus signs", `id == ${"-".repeat(60_000)}1`, "expected a number"],
    ["ands", "and ".repeat(16_000), "position 1: expected a field"],
    ["digits", `id == ${"1".repeat(60_000)}`, "does not fit"],
    ["digits of a float", `weight == ${"1".repeat(60_000)}.0`, "too large"],
    ["exponents", `id == ${"1e".repeat(30_000)}`, "found 'e1e1"],
    ["quotes never closed", `title == "${'\\"'.repeat(32_000)}`, "never closed"],
    ["quotes in quotes", `"'`.repeat(32_768), "expected 'and', 'or' or the end"],
    ["backslashes", `title == '${"\\".repeat(60_001)}'`, "never closed"],
    ["wrong escapes", `title == '${"\\q".repeat(30_000)}'`, "is no escape"],
    ["nulls", "\0".repeat(65_536), "has no meaning here"],
    ["lone surrogates", "\ud800".repeat(20_000), "has no meaning here"],
    ["a name of 64 Ki", "a".repeat(65_536), "no condition by itself"],
    ["arithmetic on booleans", "(true+false)==f", "found '\\+'"],
    ["a prototype", "__proto__['constructor']['prototype'] == 1", "ok"],
    ["a constructor", "constructor('return process')()", "found '\\('"],
    ["a template", "`$" + "{process.exit(1)}`", "has no meaning here"],
  ])("%s", (_, text, expected) => {
    expect(outcome(text)).toMatch(new RegExp(expected));
    expect(outcome(text).length).toBeLessThan(400);
  });
});

describe("long and flat is allowed", () => {
  const count = 4;
  const rows = [{ id: 1n, year: 10_900n }, { id: 2n }, { id: 3n, ok: true }, { id: 4n, ok: false }];
  const columns = columnsOf(rows);
  function passing(text: string): string {
    const result = parseFilter(text, schema);
    if (!result.ok) throw new Error(result.message);
    return evaluateFilter(result.filter, columns, count).join("");
  }
  const many = (terms: number, write: (index: number) => string, sign: string) =>
    Array.from({ length: terms }, (_, index) => write(index)).join(sign);

  test("or", () => {
    expect(passing(`${"id<0||".repeat(1_023)}ok`)).toBe("0010");
    expect(() => passing(`${"id<0||".repeat(10_900)}ok`)).toThrow("10901 tests of a row");
    expect(passing(many(4000, (index) => `year==${index + 6901}`, "||"))).toBe("1000");
  });
  test("and", () => {
    expect(passing(`${"id>0&&".repeat(1_023)}id>2`)).toBe("0011");
    expect(passing(many(4000, (index) => `id!=${index + 2}`, "&&"))).toBe("1000");
  });
  test("groups, both ways of alternating", () => {
    expect(passing(many(340, () => "(id<0 and ok or id>3)", "&&"))).toBe("0001");
    expect(passing(many(500, () => "!(id<3 or !(ok))", "||"))).toBe("0010");
  });
  test("as deep as allowed, and changing between and and or at each level", () => {
    const open = many(32, () => "(id>0 and (id<0 or ", "");
    expect(passing(`${open}ok${"))".repeat(32)}`)).toBe("0010");
  });
});

test("like does not slow down where backtracking would", () => {
  const value = "a".repeat(65_535);
  const columns = columnsOf([{ title: value }, { title: `${value.slice(1)}b` }]);
  const run = (pattern: string) => {
    const result = parseFilter(`title like '${pattern}'`, schema);
    if (!result.ok) throw new Error(result.message);
    return evaluateFilter(result.filter, columns, 2).join("");
  };
  expect(run(`${"%a".repeat(50)}`)).toBe("10");
  expect(run(`${"%a".repeat(50)}b`)).toBe("01");
  expect(run(`${"%a".repeat(50)}c`)).toBe("00");
  expect(run(`${"%a_".repeat(50)}b%c`)).toBe("00");
  expect(run(`${"%_a".repeat(300)}%`)).toBe("11");
});

describe("fuzz", () => {
  const words = fc.constantFrom(
    ..."and or not in like is null AND NOT true False year title meta ok vector a $meta".split(" "),
    ..."== != < <= > >= && || ! ( ) [ ] , - + = . & | \\ # ' \"".split(" "),
    ..."0 1 -1 2.5 1e5 007 9223372036854775808 'x' \"y\" '%_' [1,2] ['k'] (year".split(" "),
    "\u{1f426}",
    "\0",
    "meta['k'][0]",
  );
  const parts = fc.array(fc.tuple(words, fc.constantFrom("", " ")), { maxLength: 30 });
  // Half of them are conditions with a stray word or two, so that some are filters.
  const conditions = fc.constantFrom("ok", "year == 1", "title like 'a%'", "(a[0] in [1,'x'])");
  const nearly = fc.array(
    fc.tuple(fc.constantFrom("and", "or", "and not", "||!", "\n"), fc.oneof(conditions, words)),
    { maxLength: 4 },
  );
  const soup = fc.oneof(
    parts.map((pieces) => pieces.flat().join("")),
    nearly.map((pieces) => ["ok", ...pieces.flat()].join(" ")),
  );
  const columns = columnsOf([{ id: 1n, year: 1n, title: "x", ok: true, meta: { k: [1] } }, {}]);

  function check(text: string): boolean {
    const result = parseFilter(text, schema);
    if (!result.ok) {
      expect(result.message, text).toMatch(/^position \d+: \S/);
      return false;
    }
    const passes = evaluateFilter(result.filter, columns, 2);
    expect([...passes].every((byte) => byte === 0 || byte === 1)).toBe(true);
    return true;
  }

  test("a soup of words never throws", () => {
    let filters = 0;
    fc.assert(
      fc.property(soup, (text) => {
        if (check(text)) filters += 1;
      }),
      { numRuns: 10_000 },
    );
    expect(filters).toBeGreaterThan(100);
  });

  test("nor does any string", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 60 }), (text) => {
        check(text);
      }),
      { numRuns: 5000 },
    );
  });

  test("nor a filter with a piece cut out or doubled", () => {
    const whole = `not (year >= 2.5 or title like 'a\\%_') and meta["k"][0] not in [1, 'x', true,]`;
    const cut = fc.tuple(fc.nat(whole.length), fc.nat(whole.length), fc.boolean());
    fc.assert(
      fc.property(cut, ([from, to, isDoubled]) => {
        check(isDoubled ? whole.slice(0, to) + whole.slice(from) : whole.slice(from, to));
      }),
      { numRuns: 3000 },
    );
  });
});
