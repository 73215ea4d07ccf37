// Rows of which one does not fit: a typed error that names row and field, and nothing is taken.
import { describe, expect, it } from "vitest";
import type { ErrorCode } from "../../src/contract/errors.js";
import { rowsMax, rowsToBatch } from "../../src/rows/row-validation.js";
import { type CollectionSchema, fieldSchema } from "../../src/rows/schema.js";

type Batch = readonly [rows: readonly unknown[], schema: CollectionSchema];
type Case = readonly [name: string, batch: Batch, text: RegExp];

const good = { id: 1, v: [1, 2] };

function schemaOf(more: readonly object[] = [], dynamicFields = false): CollectionSchema {
  const key = { name: "id", type: "Int64", primaryKey: true };
  const vector = { name: "v", type: "FloatVector", dimension: 2 };
  return { fields: [key, ...more, vector].map((field) => fieldSchema.parse(field)), dynamicFields };
}

const automatic: CollectionSchema = {
  ...schemaOf(),
  fields: schemaOf().fields.map((field) => ({ ...field, autoId: field.primaryKey })),
};

/** One good row, then one that differs in what is given. */
const row = (given: object): Batch => [[good, { ...good, id: 2, ...given }], schemaOf()];
const key = (id: unknown) => row({ id });
const vector = (v: unknown) => row({ v });
const dynamic = (given: unknown): Batch => [[good, given], schemaOf([], true)];

function value(type: string, a: unknown, more = {}): Batch {
  return [[good, { ...good, id: 2, a }], schemaOf([{ name: "a", type, nullable: true, ...more }])];
}

function errorOf([rows, schema]: Batch, operation: "insert" | "upsert" = "insert") {
  const read = rowsToBatch(rows, schema, { operation });
  if (read.ok) throw new Error(`accepted: ${read.batch.count} rows`);
  return read.error;
}

function refuses(code: ErrorCode, cases: readonly Case[]): void {
  describe(`'${code}' is what gets`, () => {
    it.each(cases)("%s", (_name, batch, text) => {
      const error = errorOf(batch);
      expect(error).toMatchObject({ code, status: 400, retryable: false });
      expect(error.message).toMatch(text);
      expect(error.message).toMatch(/^rows\[1\],/);
      expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    });
  });
}

refuses("dimension-mismatch", [
  ["a vector that is short", vector([1]), /'v' has 1 dimensions, not 2/],
  ["a vector that is long", vector([1, 2, 3]), /'v' has 3 dimensions, not 2/],
  ["an empty vector", vector([]), /'v' has 0 dimensions, not 2/],
  ["bytes of another dimension", vector(Buffer.alloc(12)), /3 dimensions/],
  ["bytes of no dimension", vector(Buffer.alloc(7)), /7 bytes/],
  ["base64 of another dimension", vector(Buffer.alloc(12).toString("base64")), /3 dimensions/],
  ["base64 of no dimension", vector(Buffer.alloc(7).toString("base64")), /7 bytes/],
  ["a Float32Array of another dimension", vector(new Float32Array(3)), /3 dimensions/],
]);

const bytesOf = (...numbers: number[]) => Buffer.from(Float32Array.from(numbers).buffer);
refuses("value-out-of-range", [
  ["NaN in a vector", vector([1, Number.NaN]), /'v' has NaN at dimension 1/],
  ["infinity in a vector", vector([-Infinity, 1]), /has -Infinity at dimension 0/],
  ["a number beyond float32", vector([1, 1e39]), /beyond float32: 1e\+39 at dimension 1/],
  ["NaN in bytes", vector(bytesOf(1, Number.NaN)), /NaN at dimension 1/],
  ["infinity in base64", vector(bytesOf(Infinity, 1).toString("base64")), /Infinity/],
  ["infinity in a Float32Array", vector(Float32Array.of(1, Infinity)), /Infinity/],
  ["a key of 2^53 as a number", key(2 ** 53), /'id' is 9007199254740992/],
  [
    "a key of 2^53 + 1 as JSON has it",
    key(JSON.parse("9007199254740993")),
    /does not hold exactly/,
  ],
  ["a key of -2^53 as a number", key(-(2 ** 53)), /does not hold exactly/],
  ["a key of 2^63", key(2n ** 63n), /beyond 64 bits/],
  ["a key of 2^64", key(2n ** 64n - 1n), /beyond 64 bits/],
  ["a key below -2^63", key("-9223372036854775809"), /beyond 64 bits/],
  ["Int8 of 128", value("Int8", 128), /'a' is 128, beyond 8 bits/],
  ["Int16 of -32769", value("Int16", -32_769), /beyond 16 bits/],
  ["Int32 of 2^31", value("Int32", 2 ** 31), /beyond 32 bits/],
  ["Int32 of 2^40 in 64 bits", value("Int32", 2n ** 40n), /beyond 32 bits/],
  ["Float beyond float32", value("Float", 3.5e38), /beyond float32/],
  ["Double of infinity", value("Double", Infinity), /is Infinity/],
  [
    "VarChar too long",
    value("VarChar", "\u00e9".repeat(3), { maxLength: 5 }),
    /6 bytes, more than 5/,
  ],
  ["JSON beyond 64 KiB", value("JSON", "x".repeat(65_536)), /65538 bytes/],
  ["dynamic fields beyond 64 KiB", dynamic({ ...good, id: 2, x: "x".repeat(65_536) }), /dynamic/],
]);

const nested = (levels: number) => JSON.parse(`${"[".repeat(levels)}${"]".repeat(levels)}`);
refuses("invalid-row", [
  ["text for a number of a vector", vector(["1", 2]), /has a string at dimension 0/],
  ["null for a number of a vector", vector([1, null]), /has null at dimension 1/],
  ["a hole in a vector", vector(new Array(2)), /has null at dimension 0/],
  ["an integer of 64 bits in a vector", vector([1n, 2]), /has a bigint at dimension 0/],
  ["a list of lists for a vector", vector([[1], [2]]), /has an array at dimension 0/],
  ["an object for a vector", vector({ 0: 1, 1: 2 }), /is an object, not a vector/],
  ["a number for a vector", vector(5), /is a number, not a vector/],
  ["text that is not base64", vector("AACAPwAAA!A="), /not base64/],
  ["base64 with white space", vector("AACA PwAAAEA"), /not base64/],
  ["an array of doubles", vector(new Float64Array(2)), /is binary, not a vector/],
  ["a key of a half", key(0.5), /0.5, not an integer/],
  ["a key that is NaN", key(Number.NaN), /NaN, not an integer/],
  ["a key in hexadecimal", key("0x10"), /no decimal integer/],
  ["a key with an exponent", key("1e3"), /no decimal integer/],
  ["a key with a space", key(" 1"), /no decimal integer/],
  ["a key with a line feed", key("1\n"), /no decimal integer/],
  ["a key that is empty text", key(""), /no decimal integer/],
  ["a key that is a list", key([1]), /is an array, not an integer/],
  ["a key that is true", key(true), /is a boolean, not an integer/],
  ["Int32 of a half", value("Int32", 0.5), /not an integer/],
  ["Int32 as text", value("Int32", "5"), /is a string, not an integer/],
  ["Double as text", value("Double", "1.5"), /is a string, not a number/],
  ["Bool of 1", value("Bool", 1), /is a number, not true or false/],
  ["VarChar of a number", value("VarChar", 5), /is a number, not a string/],
  ["half of a surrogate pair", value("VarChar", "a\ud800b"), /surrogate/],
  ["JSON 65 levels deep", value("JSON", nested(65)), /nests/],
  ["JSON with NaN", value("JSON", { b: [Number.NaN] }), /value\.b\[0\] is NaN/],
  ["JSON with binary", value("JSON", { b: new Uint8Array(2) }), /value\.b is binary/],
  ["JSON with an integer of 2^60", value("JSON", [2n ** 60n]), /2\^53/],
  ["dynamic fields 65 levels deep", dynamic({ ...good, id: 2, x: nested(64) }), /dynamic fields/],
]);

refuses("missing-field", [
  ["a vector that is null", vector(null), /'v' is null/],
  ["a vector that is undefined", vector(undefined), /'v' is missing/],
  ["a key that is null", key(null), /'id' is null/],
  ["a row without its vector", [[good, { id: 2 }], schemaOf()], /'v' is missing/],
  ["a row without its key", [[good, { v: [1, 2] }], schemaOf()], /'id' is missing/],
]);

refuses("duplicate-key", [
  ["the same number", key(1), /repeats the key 1 of rows\[0\]/],
  ["the same number as text", key("1"), /repeats the key 1 of rows\[0\]/],
  ["the same number in 64 bits", key(1n), /repeats the key 1 of rows\[0\]/],
]);

const deepProto = JSON.parse('{"a":[{"__proto__":{"polluted":1}}]}');
refuses("reserved-name", [
  ["__proto__ as a field", dynamic(JSON.parse('{"__proto__":{"polluted":1}}')), /__proto__/],
  ["prototype as a field", dynamic({ ...good, prototype: 1 }), /prototype/],
  ["constructor as a field", dynamic({ ...good, constructor: { prototype: 1 } }), /constructor/],
  ["$meta as a field", dynamic({ ...good, $meta: {} }), /\$meta/],
  ["__proto__ as a field of a fixed schema", row(JSON.parse('{"prototype":1}')), /prototype/],
  ["__proto__ within JSON", value("JSON", deepProto), /__proto__/],
  ["constructor within JSON", value("JSON", { constructor: 1 }), /constructor/],
  ["__proto__ within a dynamic field", dynamic({ ...good, id: 2, x: deepProto }), /__proto__/],
]);

refuses("unknown-field", [
  ["a field of no schema", row({ colour: 1 }), /'colour' is not in the sch/],
]);
refuses("invalid-row", [
  ["a key that the server gives", [[{ v: [1, 2] }, good], automatic], /'id'/],
]);

describe("a batch is refused", () => {
  it("when a field of it is misspelt, with the nearest one", () => {
    const schema = schemaOf([{ name: "title", type: "VarChar" }]);
    const error = errorOf([[{ ...good, titel: "a" }], schema]);
    expect(error).toMatchObject({ code: "unknown-field", hint: "did you mean 'title'?" });
  });

  it.each([null, undefined, 5, "row", [1], new Uint8Array(3)])(
    "when a row of it is %j",
    (given) => {
      const error = errorOf([[good, given], schemaOf()]);
      expect(error).toMatchObject({ code: "invalid-row", message: expect.stringContaining("[1]") });
    },
  );

  it("when it is empty", () => {
    expect(errorOf([[], schemaOf()])).toMatchObject({ code: "invalid-request" });
  });

  it("when it has more rows than an entry of the log can number", () => {
    const rows = new Array(rowsMax + 1).fill(good);
    const error = errorOf([rows, schemaOf()]);
    expect(error).toMatchObject({ code: "payload-too-large", status: 413 });
    expect(error.message).toContain(String(rowsMax));
  });

  it("when its columns would take far more room than its rows", () => {
    const wide = [{ name: "w", type: "FloatVector", dimension: 32_768 }];
    const error = errorOf([new Array(600).fill({ id: 1 }), schemaOf(wide)]);
    expect(error).toMatchObject({ code: "payload-too-large", status: 413 });
    expect(error.message).toBe("600 rows; 511 would fit");
  });

  it("when it is an upsert of rows whose keys the server gives", () => {
    const error = errorOf([[{ v: [1, 2] }], automatic], "upsert");
    expect(error).toMatchObject({
      code: "invalid-request",
      message: expect.stringMatching(/keys/),
    });
  });
});
