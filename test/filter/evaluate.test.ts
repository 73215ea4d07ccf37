// Evaluation where it is easy to be wrong: exact numbers, nulls, types inside JSON, spare rows.
import { describe, expect, test } from "vitest";
import { evaluateFilter } from "../../src/filter/evaluate.js";
import type { Filter } from "../../src/filter/filter.js";
import { parseFilter } from "../../src/filter/parse.js";
import { columnsOf, type Row, schemaOf } from "./collection.js";

const schema = schemaOf({ dynamicFields: true });

function filterOf(text: string): Filter {
  const result = parseFilter(text, schema);
  if (!result.ok) throw new Error(`${text}: ${result.message}`);
  return result.filter;
}

/** One digit a row. */
function passing(text: string, rows: readonly Row[]): string {
  return evaluateFilter(filterOf(text), columnsOf(rows), rows.length).join("");
}

const rowsOf = (field: keyof Row, values: readonly unknown[]): readonly Row[] =>
  values.map((value) => ({ [field]: value }));

describe("numbers", () => {
  const two53 = 2n ** 53n;
  const large = rowsOf("id", [two53 - 1n, two53, two53 + 1n, two53 + 2n]);
  test.each([
    ["id == 9007199254740993", "0010"],
    ["id != 9007199254740993", "1101"],
    ["id > 9007199254740992", "0011"],
    ["id < 9007199254740993", "1100"],
    ["id in [9007199254740993]", "0010"],
    ["id == 9007199254740992.0", "0100"],
    ["id <= 9007199254740992.0", "1100"],
    ["id in [9007199254740992.0, 9007199254740993]", "0110"],
  ])("Int64 is exact beyond 2^53: %s", (text, expected) => {
    expect(passing(text, large)).toBe(expected);
  });

  const edges = rowsOf("id", [-(2n ** 63n), -2n, -1n, 2n, 3n, 2n ** 63n - 1n]);
  test.each([
    ["id > 2.5", "000011"],
    ["id >= 2.5", "000011"],
    ["id < 2.5", "111100"],
    ["id <= -1.5", "110000"],
    ["id > -1.5", "001111"],
    ["id == 2.5", "000000"],
    ["id != 2.5", "111111"],
    ["id in [2.5, 3.0]", "000010"],
    ["id not in [2.5]", "111111"],
    ["id < 1e300", "111111"],
    ["id >= -1e300", "111111"],
    ["id < 9.223372036854775808e18", "111111"],
    ["id >= 9.223372036854775808e18", "000000"],
    ["id <= 9223372036854775807", "111111"],
    ["id > 9223372036854775807", "000000"],
    ["id < -9223372036854775808", "000000"],
    ["id == -9223372036854775808", "100000"],
  ])("Int64 with a float: %s", (text, expected) => {
    expect(passing(text, edges)).toBe(expected);
  });

  const doubles = rowsOf("weight", [2 ** 53, 2 ** 53 + 2, 0.1, -0, 2 ** 63]);
  test.each([
    ["weight == 9007199254740993", "00000"],
    ["weight != 9007199254740993", "11111"],
    ["weight > 9007199254740993", "01001"],
    ["weight >= 9007199254740993", "01001"],
    ["weight < 9007199254740993", "10110"],
    ["weight <= 9007199254740993", "10110"],
    ["weight > 9007199254740995", "00001"],
    ["weight < 9007199254740995", "11110"],
    ["weight > 9223372036854775807", "00001"],
    ["weight == 9223372036854775807", "00000"],
    ["weight in [9007199254740993, 9007199254740994]", "01000"],
    ["weight == 0", "00010"],
    ["weight in [0]", "00010"],
    ["weight == 0.1", "00100"],
  ])("Double with an integer: %s", (text, expected) => {
    expect(passing(text, doubles)).toBe(expected);
  });

  const singles = rowsOf("price", [Math.fround(0.1), 3, 2 ** 24]);
  test.each([
    ["price == 0.1", "100"],
    ["price > 0.1", "011"],
    ["price <= 0.1", "100"],
    ["price in [0.1, 3]", "110"],
    ["price == 3", "010"],
    ["price == 16777217", "000"],
    ["price < 16777217", "111"],
    ["price < 1e300", "111"],
  ])("Float is compared in its own precision: %s", (text, expected) => {
    expect(passing(text, singles)).toBe(expected);
  });

  test("small integers compare with what they cannot hold", () => {
    const rows = rowsOf("tiny", [-128, 0, 127]);
    expect(passing("tiny < 9223372036854775807", rows)).toBe("111");
    expect(passing("tiny > 0.5", rows)).toBe("001");
    expect(passing("tiny in [300, 127, 0.5]", rows)).toBe("001");
  });
});

describe("strings and booleans", () => {
  test("strings are ordered by code unit, not by code point or by language", () => {
    const rows = rowsOf("title", ["Z", "a", "\u00e9", "\u{1f426}", "\uffff"]);
    expect(passing("title > 'a'", rows)).toBe("00111");
    expect(passing("title < '\uffff'", rows)).toBe("11110");
    expect(passing("title <= 'a'", rows)).toBe("11000");
  });

  test("a hostile key matches itself only", () => {
    const keys = ['" or 1==1', "' or ok or '", "a\\", "%", "_", "$meta", "__proto__", "null"];
    const rows = rowsOf("title", [...keys, "a", "b"]);
    for (const [index, key] of keys.entries()) {
      const expected = rows.map((_, row) => (row === index ? "1" : "0")).join("");
      expect(passing(`title == ${JSON.stringify(key)}`, rows), key).toBe(expected);
      expect(passing(`title in [${JSON.stringify(key)}]`, rows), key).toBe(expected);
    }
  });

  test("booleans", () => {
    const rows = rowsOf("ok", [true, false, null]);
    expect(passing("ok", rows)).toBe("100");
    expect(passing("not ok", rows)).toBe("010");
    expect(passing("ok != true", rows)).toBe("010");
    expect(passing("ok in [true, false]", rows)).toBe("110");
    expect(passing("not ok not in [true]", rows)).toBe("100");
  });
});

describe("nulls", () => {
  const rows = [{ year: 1n }, { year: 2n }, { year: null }, { year: null, ok: true }];
  test.each([
    ["year == 1", "1000"],
    ["not (year == 1)", "0100"],
    ["year != 1", "0100"],
    ["year < 5", "1100"],
    ["not (year < 5)", "0000"],
    ["year in [1]", "1000"],
    ["year not in [1]", "0100"],
    ["year not in []", "1100"],
    ["year is null", "0011"],
    ["year is not null", "1100"],
    ["not (year is null)", "1100"],
    ["year == 1 or ok", "1001"],
    ["not (year == 1 and ok)", "0100"],
    ["not (year == 1 or ok)", "0000"],
    ["title like '%'", "0000"],
    ["not (title like '%')", "0000"],
  ])("%s", (text, expected) => {
    expect(passing(text, rows)).toBe(expected);
  });
});

describe("JSON", () => {
  const values = [
    { k: 5 },
    { k: "abc" },
    { k: true },
    { k: null },
    {},
    { k: [1, { x: "y" }] },
    JSON.parse('{"__proto__": 7, "length": 8}'),
    "text",
    null,
  ];
  const rows = rowsOf("meta", values);
  test.each([
    ["meta['k'] == 5", "100000000"],
    ["meta['k'] == 5.0", "100000000"],
    ["meta['k'] != 5", "011001000"],
    ["not (meta['k'] == 5)", "011001000"],
    ["meta['k'] < 9", "100000000"],
    ["not (meta['k'] < 9)", "000000000"],
    ["meta['k'] >= 9", "000000000"],
    ["meta['k'] > 'abb'", "010000000"],
    ["meta['k'] == true", "001000000"],
    ["meta['k'] in [5, 'abc']", "110000000"],
    ["meta['k'] not in [5, 'abc']", "001001000"],
    ["meta['k'] like 'a%'", "010000000"],
    ["not (meta['k'] like 'b%')", "010000000"],
    ["meta['k'] is null", "000110111"],
    ["meta['k'] is not null", "111001000"],
    ["meta['k'][0] == 1", "000001000"],
    ["meta['k'][1]['x'] == 'y'", "000001000"],
    ["meta['k'][2] is null", "111111111"],
    ["meta['k']['0'] is null", "111111111"],
    ["meta['k']['length'] is null", "111111111"],
    ["meta['constructor'] is null", "111111111"],
    ["meta['__proto__'] == 7", "000000100"],
    ["meta['length'] == 8", "000000100"],
    ["meta == 'text'", "000000010"],
    ["meta is null", "000000001"],
  ])("%s", (text, expected) => {
    expect(passing(text, rows)).toBe(expected);
  });

  test("a dynamic field is a key of $meta", () => {
    const dynamicRows = [{ $meta: { colour: "red" } }, { $meta: {} }, { $meta: null }];
    expect(passing("colour == 'red'", dynamicRows)).toBe("100");
    expect(passing("colour is null", dynamicRows)).toBe("011");
  });
});

describe("columns", () => {
  test("rows behind the count are not looked at, and have no outcome", () => {
    const columns = columnsOf(rowsOf("id", [1n, 1n, 1n]), 100);
    expect(evaluateFilter(filterOf("id == 1"), columns, 2)).toEqual(new Uint8Array([1, 1]));
    expect(evaluateFilter(filterOf("id == 1"), columns, 0)).toEqual(new Uint8Array(0));
  });

  test("one without nulls has no validity", () => {
    const columns = columnsOf(rowsOf("id", [1n]));
    expect(columns.get("id")?.valid).toBeUndefined();
    expect(evaluateFilter(filterOf("id is null"), columns, 1)[0]).toBe(0);
    expect(evaluateFilter(filterOf("id is not null"), columns, 1)[0]).toBe(1);
  });

  test("a column that is missing, short or of another type is a broken invariant", () => {
    const columns = columnsOf(rowsOf("id", [1n]), 0);
    expect(() => evaluateFilter(filterOf("id == 1"), new Map(), 1)).toThrow("'id'");
    expect(() => evaluateFilter(filterOf("id == 1"), columns, 2)).toThrow("fewer than 2 rows");
    const renamed = new Map([["id", columns.get("title") as never]]);
    expect(() => evaluateFilter(filterOf("id == 1"), renamed, 1)).toThrow("VarChar");
  });

  test("the same columns serve many filters: evaluation changes nothing", () => {
    const rows = rowsOf("year", [1n, null, 3n]);
    const columns = columnsOf(rows);
    const filter = filterOf("year > 1 or year is null and not (id == 5)");
    const first = evaluateFilter(filter, columns, 3);
    expect(evaluateFilter(filter, columns, 3)).toEqual(first);
    expect(columns).toEqual(columnsOf(rows));
  });
});
