// Rows of results as clients see them: which fields, in which form.
import { describe, expect, it } from "vitest";
import { packMessage, unpackMessage } from "../../src/contract/message-pack.js";
import { encodeReply } from "../../src/contract/replies.js";
import { resolveOutput, rowReader, valueReader, withKey } from "../../src/contract/result-rows.js";
import { rowsToBatch } from "../../src/rows/row-validation.js";
import { type CollectionSchema, fieldSchema } from "../../src/rows/schema.js";

const fields = [
  { name: "id", type: "Int64", primaryKey: true },
  { name: "title", type: "VarChar", nullable: true },
  { name: "ok", type: "Bool", default: true },
  { name: "v", type: "FloatVector", dimension: 2 },
].map((field) => fieldSchema.parse(field));
const schema: CollectionSchema = { fields, dynamicFields: true };
const fixed: CollectionSchema = { fields, dynamicFields: false };

const rows = [
  { id: "9007199254740993", title: "one", v: [0.5, -1], colour: "red", size: { w: 1 } },
  { id: -(2n ** 63n), title: null, ok: false, v: [0, 2], constructors: 1 },
];
const read = rowsToBatch(rows, schema, { operation: "insert" });
if (!read.ok) throw new Error(read.error.message);
const { batch } = read;

function output(outputFields: readonly string[] | null, of = schema) {
  const resolved = resolveOutput(outputFields, of);
  if (!resolved.ok) throw new Error(resolved.error.message);
  return resolved.output;
}

describe("outputFields", () => {
  it.each([
    [[], [], []],
    [["title"], ["title"], []],
    [["v", "title"], ["title", "v"], []],
    [["*"], ["id", "title", "ok", "v"], "all"],
    [["$meta"], [], "all"],
    [["colour", "id"], ["id"], ["colour"]],
    [["colour", "$meta"], [], "all"],
    [null, ["id", "title", "ok"], "all"],
  ])("%j show the fields %j and of the dynamic ones %j", (asked, shown, dynamic) => {
    const resolved = output(asked);
    expect(resolved).toMatchObject({ fields: shown, dynamic });
    const meta = dynamic.length === 0 ? [] : ["$meta"];
    expect(resolved.columns).toEqual([...shown, ...meta]);
  });

  it("name no dynamic column where there is none", () => {
    expect(output(["*"], fixed).columns).toEqual(["id", "title", "ok", "v"]);
    expect(output(null, fixed).columns).toEqual(["id", "title", "ok"]);
  });

  it("that are unknown get the nearest one", () => {
    expect(resolveOutput(["titel"], fixed)).toMatchObject({
      ok: false,
      error: { code: "unknown-field", hint: "did you mean 'title'?" },
    });
    expect(resolveOutput(["$meta"], fixed)).toMatchObject({ ok: false });
  });

  it("of a query get the key in any case", () => {
    expect(withKey(output(["title"]), schema).columns).toEqual(["id", "title"]);
    expect(withKey(output(["*"]), schema)).toEqual(output(["*"]));
  });
});

describe("a row", () => {
  it("is JSON: Int64 as text, vectors as numbers, dynamic fields beside the others", () => {
    const row = rowReader(batch, output(["*"]), "json");
    const text = Buffer.from(encodeReply("json", [row(0), row(1)])).toString();
    expect(JSON.parse(text)).toEqual([
      {
        id: "9007199254740993",
        title: "one",
        ok: true,
        v: [0.5, -1],
        colour: "red",
        size: { w: 1 },
      },
      { id: "-9223372036854775808", title: null, ok: false, v: [0, 2], constructors: 1 },
    ]);
  });

  it("is MessagePack: Int64 as bigint, vectors as bytes of float32", () => {
    const row = rowReader(batch, output(["id", "v"]), "msgpack");
    const decoded = unpackMessage(encodeReply("msgpack", [row(1)]));
    const v = Buffer.from(Float32Array.of(0, 2).buffer);
    expect(decoded).toEqual({ ok: true, value: [{ id: -(2n ** 63n), v }] });
  });

  it("shows the dynamic fields that were named, if it has them", () => {
    const row = rowReader(batch, output(["colour"]), "json");
    expect({ ...row(0) }).toEqual({ colour: "red" });
    expect({ ...row(1) }).toEqual({});
  });

  it("of a batch without the dynamic column just has none", () => {
    const columns = new Map([...batch.columns].filter(([name]) => name !== "$meta"));
    const row = rowReader({ ...batch, columns }, output(["id", "$meta"]), "json");
    expect({ ...row(0) }).toEqual({ id: "9007199254740993" });
  });

  it("has no prototype, and takes no reserved name from what an old batch holds", () => {
    const values = [JSON.parse('{"__proto__":{"polluted":1},"constructor":2,"a":3,"id":4}'), {}];
    const columns = new Map(batch.columns).set("$meta", { type: "JSON", values });
    const row = rowReader({ ...batch, columns }, output(["*"]), "json")(0);
    expect(Object.getPrototypeOf(row)).toBeNull();
    expect(Object.keys(row)).toEqual(["id", "title", "ok", "v", "a"]);
    expect(row.id).toBe("9007199254740993");
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    expect(unpackMessage(packMessage(row))).toMatchObject({ ok: true, value: { a: 3 } });
  });

  it("that lacks a column is a broken answer of a worker", () => {
    expect(() => valueReader(batch, "absent", "json")).toThrow(/absent/);
    expect(valueReader(batch, "id", "msgpack")(0)).toBe(9007199254740993n);
  });
});
