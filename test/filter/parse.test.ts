// What texts are filters and what they mean; and what the others are told.
import { describe, expect, test } from "vitest";
import type { Filter } from "../../src/filter/filter.js";
import { fieldsOf } from "../../src/filter/filter.js";
import { parseFilter } from "../../src/filter/parse.js";
import { schemaOf } from "./collection.js";

const strict = schemaOf({ dynamicFields: false });
const dynamic = schemaOf({ dynamicFields: true });

/** A filter in a short form: fully bracketed, with the keys of JSON after a slash. */
function shortForm(filter: Filter): string {
  if ("terms" in filter) {
    const sign = filter.kind === "all" ? " & " : " | ";
    return `(${filter.terms.map(shortForm).join(sign)})`;
  }
  const name = [filter.operand.field, ...filter.operand.path].join("/");
  const not = "negated" in filter && filter.negated ? "!" : "";
  switch (filter.kind) {
    case "compare":
      return `${name} ${filter.operator} ${literal(filter.value)}`;
    case "in":
      return `${name} ${not}in ${filter.values.map(literal).join(",")}`;
    case "like":
      return `${name} ${not}like ${filter.pattern}`;
    case "null":
      return `${name} ${not}null`;
  }
}

function literal(value: unknown): string {
  if (typeof value === "bigint") return `${value}n`;
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

function parse(text: string, schema = strict): string {
  const result = parseFilter(text, schema);
  return result.ok ? shortForm(result.filter) : `${result.message} [${result.hint ?? ""}]`;
}

describe("grammar", () => {
  test.each([
    ["year == 1", "year == 1n"],
    ["year != 1", "year != 1n"],
    ["year<1", "year < 1n"],
    ["year <= -1", "year <= -1n"],
    ["year > - 1", "year > -1n"],
    ["year >= +1", "year >= 1n"],
    ["1 < year", "year > 1n"],
    ["'a' <= title", 'title >= "a"'],
    ["year > 2.5", "year > 2.5"],
    ["price == .5", "price == 0.5"],
    ["price == 5.", "price == 5"],
    ["price == -1.5e-3", "price == -0.0015"],
    ["price == 3", "price == 3n"],
    ["year == 9223372036854775807", "year == 9223372036854775807n"],
    ["year == -9223372036854775808", "year == -9223372036854775808n"],
    ["ok == true", "ok == true"],
    ["ok == True", "ok == true"],
    ["ok != FALSE", "ok != false"],
    ["ok", "ok == true"],
    ["not ok", "ok == false"],
    ["year in [1,2]", "year in 1n,2n"],
    ["year in [1, -2.5, ]", "year in 1n,-2.5"],
    ["year in []", "year in "],
    ["year not in [1]", "year !in 1n"],
    ["year NOT IN [1]", "year !in 1n"],
    ["title like 'a%'", "title like a%"],
    ["title LIKE 'a%'", "title like a%"],
    ["year is null", "year null"],
    ["year IS NOT NULL", "year !null"],
    ["year\tis\n not  null", "year !null"],
    ["(((year == 1)))", "year == 1n"],
    ["(year) == (1)", "year == 1n"],
    ["meta == 1", "meta == 1n"],
    ["meta['a'] == 'b'", 'meta/a == "b"'],
    ["meta[\"a\"][0]['b c'] > 1.5", "meta/a/0/b c > 1.5"],
    ["meta['a'] in [1,'x',true]", 'meta/a in 1n,"x",true'],
    ["meta['a'] is null", "meta/a null"],
    ["meta['a'] like '%'", "meta/a like %"],
  ])("%s", (text, expected) => {
    expect(parse(text)).toBe(expected);
  });

  test.each([
    ["title == 'it\\'s'", 'title == "it\'s"'],
    ['title == "say \\"a\\""', 'title == "say \\"a\\""'],
    ["title == 'say \"a\"'", 'title == "say \\"a\\""'],
    ["title == 'a\\\\b'", 'title == "a\\\\b"'],
    ["title == 'a\\n\\t\\r\\b\\f\\v\\/'", 'title == "a\\n\\t\\r\\b\\f\\u000b/"'],
    ["title == 'a\nb'", 'title == "a\\nb"'],
    ["title == '\\u00e9\\x41\\ud83d\\udc26'", 'title == "éA🐦"'],
    ["title == '\" or 1==1'", 'title == "\\" or 1==1"'],
    ["title like '50\\%'", "title like 50\\%"],
    ["title like '50\\\\%'", "title like 50\\%"],
    ["title like 'a\\\\\\\\b'", "title like a\\\\b"],
  ])("strings: %s", (text, expected) => {
    expect(parse(text)).toBe(expected);
  });

  test.each([
    ["year==1 or year==2 and ok", "(year == 1n | (year == 2n & ok == true))"],
    ["year==1||ok&&tiny==2", "(year == 1n | (ok == true & tiny == 2n))"],
    ["(year==1 OR ok) AND tiny==2", "((year == 1n | ok == true) & tiny == 2n)"],
    [
      "ok and (tiny==1 and (size==2 and year==3))",
      "(ok == true & tiny == 1n & size == 2n & year == 3n)",
    ],
    ["not (year < 1)", "year >= 1n"],
    ["!(year <= 1)", "year > 1n"],
    ["! (year == 1 and ok)", "(year != 1n | ok == false)"],
    ["not (ok or year in [1] or title like 'a')", "(ok == false & year !in 1n & title !like a)"],
    ["not (year is null)", "year !null"],
    ["not year is null", "year !null"],
    ["not title like 'a' and ok", "(title !like a & ok == true)"],
    ["not not ok", "ok == true"],
    ["not ok == true", "ok == false"],
    ["not ok != true", "ok != false"],
    ["not !ok == true", "ok == true"],
    ["not ok in [true]", "ok in false"],
    ["true == not ok", "ok == false"],
  ])("precedence: %s", (text, expected) => {
    expect(parse(text)).toBe(expected);
  });

  test.each([
    ["year==1 or year==2 or year in [3]", "year in 1n,2n,3n"],
    ["year==1 or ok or year==2", "(year in 1n,2n | ok == true)"],
    ["year!=1 and year not in [2] and ok", "(year !in 1n,2n & ok == true)"],
    ["year in [] or year==2", "year in 2n"],
    ["year==1 and year==2", "(year == 1n & year == 2n)"],
    ["year!=1 or year!=2", "(year != 1n | year != 2n)"],
    ["meta['a']==1 or meta['b']==2", "(meta/a == 1n | meta/b == 2n)"],
    ["not (year==1 or year==2)", "year !in 1n,2n"],
  ])("chains of equalities are one list: %s", (text, expected) => {
    expect(parse(text)).toBe(expected);
  });

  test.each([
    ["colour == 'red'", '$meta/colour == "red"'],
    ["colour['shade'][1] > 2", "$meta/colour/shade/1 > 2n"],
    ["$meta['colour'] == 'red'", '$meta/colour == "red"'],
    ["$meta is null", "$meta null"],
    ["android == 1", "$meta/android == 1n"],
    ["year == 1 and nullable is null", "(year == 1n & $meta/nullable null)"],
  ])("dynamic fields: %s", (text, expected) => {
    expect(parse(text, dynamic)).toBe(expected);
  });
});

const fieldList =
  "the fields are id, year, size, tiny, price, weight, title, lang, ok, meta, vector";

describe("errors", () => {
  test.each([
    ["", "position 1: the filter is empty [leave the filter out to take every row]"],
    [" \n", "position 1: the filter is empty [leave the filter out to take every row]"],
    ["year ==", "position 8: expected a field, a constant, 'not' or '(', but the filter ends []"],
    ["== 1", "position 1: expected a field, a constant, 'not' or '(', but found '==' []"],
    ["()", "position 2: expected a field, a constant, 'not' or '(', but found ')' []"],
    ["(year == 1", "position 11: expected 'and', 'or' or ')', but the filter ends []"],
    ["year == 1)", "position 10: expected 'and', 'or' or the end, but found ')' []"],
    ["year == 1 ok", "position 11: expected 'and', 'or' or the end, but found 'ok' []"],
    [
      "year = 1",
      "position 6: expected 'and', 'or' or the end, but found '=' [equality is written ==]",
    ],
    [
      "ok And ok",
      "position 4: expected 'and', 'or' or the end, but found 'And' [keywords are all lower or all upper case]",
    ],
    ["ok & ok", "position 4: the character '&' has no meaning here [write 'and' or '&&']"],
    ["year # 1", "position 6: the character '#' has no meaning here []"],
    [
      "meta.a == 1",
      "position 5: the character '.' has no meaning here [a key of a JSON field is written field[\"key\"]]",
    ],
    [
      "1 < year < 3",
      "position 10: expected 'and', 'or' or the end, but found '<' [comparisons do not chain: join two with 'and']",
    ],
    [
      "year + 1 == 2",
      "position 6: expected 'and', 'or' or the end, but found '+' [there is no arithmetic in filters]",
    ],
    [
      "exists(meta)",
      "position 7: expected 'and', 'or' or the end, but found '(' [there are no functions in filters]",
    ],
    ["year in (1, 2)", "position 9: expected '[', but found '(' [a list stands in brackets]"],
    ["year in [1 2]", "position 12: expected ',' or ']', but found '2' []"],
    ["year in [,]", "position 10: expected a constant or ']', but found ',' []"],
    ["year in [id]", "position 10: expected a constant or ']', but found 'id' []"],
    ["year not == 1", "position 10: expected 'in', but found '==' []"],
    [
      "title not like 'a'",
      "position 11: expected 'in', but found 'like' [write not (field like ...)]",
    ],
    ["title like 5", "position 12: expected a string, but found '5' []"],
    ["year is 5", "position 9: expected 'null', but found '5' []"],
    [
      "meta[1.5] == 1",
      "position 6: expected a key in quotes or the number of an element, but found '1.5' []",
    ],
    ["year == 0x1F", "position 10: expected 'and', 'or' or the end, but found 'x1F' []"],
  ])("syntax: %s", (text, expected) => {
    expect(parse(text)).toBe(expected);
  });

  test.each([
    ["title == 'a", "position 10: the string 'a is never closed []"],
    ["title == 'a\\'", "position 10: the string 'a\\' is never closed []"],
    ["title == 'a\\%'", "position 12: '\\%' is no escape [a backslash is written \\\\]"],
    ["title == 'a\\u12'", "position 12: '\\u' is no escape [a backslash is written \\\\]"],
    ["title like 'a\\\\'", "position 12: the pattern ends in a lone backslash []"],
    [
      "year == 9223372036854775808",
      "position 9: the integer '9223372036854775808' does not fit into an Int64 [a float, such as 1e20, may be larger]",
    ],
    [
      "year == -9223372036854775809",
      "position 10: the integer '9223372036854775809' does not fit into an Int64 [a float, such as 1e20, may be larger]",
    ],
    ["year == 007", "position 9: the integer '007' begins with a zero []"],
    ["weight == 1e999", "position 11: the number '1e999' is too large for a Double []"],
    ["year == null", "position 9: nothing equals null [write 'is null' or 'is not null']"],
    ["year in [null]", "position 10: nothing equals null [write 'is null' or 'is not null']"],
  ])("constants: %s", (text, expected) => {
    expect(parse(text)).toBe(expected);
  });

  test.each([
    ["yaer == 1", `position 1: there is no field 'yaer'; ${fieldList} []`],
    ["$meta['a'] == 1", `position 1: there is no field '$meta'; ${fieldList} []`],
    ["ok and vector == 1", "position 8: vector is a FloatVector, which no filter can test []"],
    ["vector is null", "position 1: vector is a FloatVector, which no filter can test []"],
    ["title == 1", "position 10: title is VarChar and does not compare with a number []"],
    ["title in ['a', 1]", "position 16: title is VarChar and does not compare with a number []"],
    ["year == '1'", "position 9: year is Int64 and does not compare with a string []"],
    ["year == true", "position 9: year is Int64 and does not compare with true []"],
    ["ok == 1", "position 7: ok is Bool and does not compare with a number []"],
    ["year like 'a'", "position 11: year is Int64 and does not compare with a string []"],
    ["ok < true", "position 6: '<' has no meaning for true and false []"],
    ["year['a'] == 1", "position 1: year is Int64: only JSON fields have keys []"],
    ["year", "position 1: year is Int64, no condition by itself [compare it with a constant]"],
    [
      "meta['a']",
      'position 1: meta["a"] is JSON, no condition by itself [write meta["a"] == true]',
    ],
    ["true", "position 1: a constant alone is no condition [compare a field with it]"],
    ["1 == 1", "position 1: a comparison of two constants is no condition on a row []"],
    ["year == id", "position 9: one side of a comparison has to be a constant []"],
    ["'a' like 'a'", "position 1: expected a field, not a constant []"],
    [
      "not year == 1",
      "position 1: 'not' has no meaning for year, which is Int64 ['not' binds tighter than comparisons and 'in': write not (year ...)]",
    ],
    [
      "not year in [1]",
      "position 1: 'not' has no meaning for year, which is Int64 ['not' binds tighter than comparisons and 'in': write not (year ...)]",
    ],
    [
      "(ok and ok) == true",
      "position 2: a condition is no value to compare [a condition stands by itself, or after 'not']",
    ],
  ])("meaning: %s", (text, expected) => {
    expect(parse(text)).toBe(expected);
  });

  test("with dynamic fields, an unknown name is a key, but no name begins with a dollar", () => {
    expect(parse("yaer == 1", dynamic)).toBe("$meta/yaer == 1n");
    expect(parse("$yaer == 1", dynamic)).toBe(
      `position 1: there is no field '$yaer'; ${fieldList} []`,
    );
  });

  test("a dynamic field is named as it was written", () => {
    expect(parse("colour['shade']", dynamic)).toContain('write colour["shade"] == true');
    expect(parse("$meta['a b']", dynamic)).toContain('write $meta["a b"] == true');
  });

  test("a parse that failed leaves nothing behind for the next", () => {
    expect(parse("((year == ")).toContain("position");
    expect(parse("year == 1")).toBe("year == 1n");
  });
});

test("fieldsOf names each column once, and $meta for what is not declared", () => {
  const result = parseFilter("(year > 1 or year < 0 and meta['a'] is null) and a == 1", dynamic);
  if (!result.ok) throw new Error(result.message);
  expect([...fieldsOf(result.filter)].sort()).toEqual(["$meta", "meta", "year"]);
});
