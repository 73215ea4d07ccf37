// Rows into columns: what fits comes back exactly, with defaults and nulls where they belong.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Column } from "../../src/rows/columns.js";
import { rowsToBatch } from "../../src/rows/row-validation.js";
import { type CollectionSchema, fieldSchema } from "../../src/rows/schema.js";

function schemaOf(fields: readonly object[], dynamicFields = false): CollectionSchema {
  const key = { name: "id", type: "Int64", primaryKey: true };
  const vector = { name: "v", type: "FloatVector", dimension: 2 };
  const parsed = [key, ...fields, vector].map((field) => fieldSchema.parse(field));
  return { fields: parsed, dynamicFields };
}

const reservedKey = /"(__proto__|constructor|prototype)":/;
const insert = { operation: "insert" } as const;
const base = { id: 1, v: [1, 2] };

function columnsOf(rows: readonly unknown[], schema: CollectionSchema): Map<string, Column> {
  const read = rowsToBatch(rows, schema, insert);
  if (!read.ok) throw new Error(`${read.error.code}: ${read.error.message}`);
  expect(read.batch.count).toBe(rows.length);
  return new Map(read.batch.columns);
}

describe("rows that fit", () => {
  it("become one column a field, of the field's own type", () => {
    const types = ["Int8", "Int16", "Int32", "Float", "Double", "Bool", "VarChar", "JSON"];
    const schema = schemaOf(types.map((type) => ({ name: type.toLowerCase(), type })));
    const first = { int8: -128, int16: 32_767, int32: -(2 ** 31), float: 0.1, double: 0.1 };
    const second = { int8: 127n, int16: 0n, int32: 5n, float: 2n, double: 2n ** 60n };
    const rows = [
      { ...base, ...first, bool: true, varchar: "\u00e9\u{1f600}", json: { a: [1, null] } },
      { id: 2n, v: [3, 4], ...second, bool: false, varchar: "", json: "text" },
    ];
    expect(Object.fromEntries(columnsOf(rows, schema))).toEqual({
      id: { type: "Int64", values: BigInt64Array.of(1n, 2n) },
      int8: { type: "Int8", values: Int32Array.of(-128, 127) },
      int16: { type: "Int16", values: Int32Array.of(32_767, 0) },
      int32: { type: "Int32", values: Int32Array.of(-(2 ** 31), 5) },
      float: { type: "Float", values: Float32Array.of(0.1, 2) },
      double: { type: "Double", values: Float64Array.of(0.1, 2 ** 60) },
      bool: { type: "Bool", values: Uint8Array.of(1, 0) },
      varchar: { type: "VarChar", values: ["\u00e9\u{1f600}", ""] },
      json: { type: "JSON", values: [{ a: [1, null] }, "text"] },
      v: { type: "FloatVector", dimension: 2, values: Float32Array.of(1, 2, 3, 4) },
    });
  });

  it("take defaults, and are null where they may be", () => {
    const schema = schemaOf([
      { name: "a", type: "Int32", default: 7 },
      { name: "b", type: "VarChar", nullable: true },
      { name: "c", type: "Int64", nullable: true, default: "9007199254740993" },
    ]);
    const rows = [
      base,
      { id: 2, v: [1, 2], a: null, b: null, c: null },
      { ...base, id: 3, b: "x" },
    ];
    const columns = columnsOf(rows, schema);
    expect(columns.get("a")).toEqual({ type: "Int32", values: Int32Array.of(7, 7, 7) });
    expect(columns.get("b")).toEqual({
      type: "VarChar",
      values: ["", "", "x"],
      valid: Uint8Array.of(0, 0, 1),
    });
    expect(columns.get("c")).toEqual({
      type: "Int64",
      values: BigInt64Array.of(9007199254740993n, 0n, 9007199254740993n),
      valid: Uint8Array.of(1, 0, 1),
    });
  });

  it("have no key column where ids are automatic", () => {
    const schema = schemaOf([]);
    const automatic = {
      ...schema,
      fields: schema.fields.map((f) => ({ ...f, autoId: f.primaryKey })),
    };
    expect([...columnsOf([{ v: [1, 2] }, { v: [1, 2] }], automatic).keys()]).toEqual(["v"]);
  });

  it("keep what is not declared in one column of JSON", () => {
    const rows = [
      { ...base, colour: "red", n: 5n },
      { id: 2, v: [1, 2] },
    ];
    expect(columnsOf(rows, schemaOf([], true)).get("$meta")).toEqual({
      type: "JSON",
      values: [{ colour: "red", n: 5 }, {}],
    });
  });

  it("may call a field as Object.prototype calls a method", () => {
    const schema = schemaOf([{ name: "toString", type: "VarChar", nullable: true }]);
    const rows = [base, { id: 2, v: [1, 2], toString: "x" }];
    expect(columnsOf(rows, schema).get("toString")).toMatchObject({
      values: ["", "x"],
      valid: Uint8Array.of(0, 1),
    });
  });

  it("come back exactly, whatever their numbers and texts", () => {
    const schema = schemaOf([
      { name: "d", type: "Double" },
      { name: "s", type: "VarChar" },
      { name: "j", type: "JSON" },
    ]);
    const row = fc.record({
      id: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      d: fc.double({ noNaN: true, noDefaultInfinity: true }),
      s: fc.string({ unit: "grapheme" }),
      j: fc
        .jsonValue()
        .filter((value) => value !== null && !reservedKey.test(JSON.stringify(value))),
      v: fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), {
        minLength: 2,
        maxLength: 2,
      }),
    });
    const distinct = { selector: (given: { id: bigint }) => given.id, minLength: 1, maxLength: 20 };
    fc.assert(
      fc.property(fc.uniqueArray(row, distinct), fc.boolean(), (rows, asText) => {
        const sent = rows.map((given) => ({ ...given, id: asText ? String(given.id) : given.id }));
        const columns = columnsOf(sent, schema);
        const values = (name: string) => Array.from(columns.get(name)?.values as Iterable<unknown>);
        expect(values("id")).toEqual(rows.map((given) => given.id));
        expect(values("d")).toEqual(rows.map((given) => given.d));
        expect(values("s")).toEqual(rows.map((given) => given.s));
        expect(values("j")).toEqual(rows.map((given) => given.j));
        expect(values("v")).toEqual(rows.flatMap((given) => given.v));
      }),
    );
  });
});
