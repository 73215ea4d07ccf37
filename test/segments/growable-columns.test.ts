// Columns that grow: what was appended in pieces comes back row by row.
import { expect, test } from "vitest";
import type { RowBatch } from "../../src/rows/columns.js";
import { type CollectionSchema, type FieldType, fieldSchema } from "../../src/rows/schema.js";
import { createGrowableColumns } from "../../src/segments/growable-columns.js";
import { resolveOutputFields } from "../../src/segments/output-fields.js";
import { sliceRows } from "../../src/segments/slice-rows.js";
import { everyColumn } from "../rows/batches.js";
import { rowsOf } from "./test-channel.js";

const dimension = 8;
const rowCount = 3_000;
const whole = everyColumn(rowCount, dimension);
const declared = [...whole.columns].filter(([name]) => name !== "$meta");
const schema: CollectionSchema = {
  fields: declared.map(([name, { type }]) =>
    fieldSchema.parse({
      name,
      type: type satisfies FieldType,
      nullable: name !== "key",
      ...(name === "key" ? { primaryKey: true } : {}),
      ...(type === "FloatVector" ? { dimension, metric: "COSINE" } : {}),
    }),
  ),
  dynamicFields: true,
};
const every = [...whole.columns.keys()];

test.each([0, rowCount])("rows of every type, with nulls, with room for %d at first", (room) => {
  const columns = createGrowableColumns(schema, room);
  for (let start = 0; start < rowCount; start += 700) {
    columns.append(sliceRows(whole, start, Math.min(rowCount, start + 700)));
  }
  expect(columns.count).toBe(rowCount);
  const offsets = Uint32Array.of(2_999, 0, 1, 700, 699, 1_500);
  const expected = rowsOf(whole);
  expect(rowsOf(columns.takeRows(offsets, every))).toEqual(
    Array.from(offsets, (offset) => expected[offset]),
  );
});

test("what no batch had so far is null before and after a batch that has it", () => {
  const columns = createGrowableColumns(schema);
  const without: RowBatch = { count: rowCount, columns: new Map(declared) };
  for (const batch of [without, whole, without]) columns.append(batch);
  const offsets = Uint32Array.of(0, rowCount, rowCount + 1, 2 * rowCount);
  const rows = rowsOf(columns.takeRows(offsets, ["$meta"]));
  expect(rows.map(({ $meta }) => $meta)).toEqual([null, { row: 0, tags: ["a", null] }, null, null]);
});

test("all but vectors are columns for a filter; growth leaves older views whole", () => {
  const columns = createGrowableColumns(schema);
  columns.append(sliceRows(whole, 0, 10));
  const before = columns.scalars.get("medium");
  columns.append(sliceRows(whole, 10, rowCount));
  expect(columns.scalars.has("vector")).toBe(false);
  expect(before?.values.slice(0, 10)).toEqual(columns.scalars.get("medium")?.values.slice(0, 10));
  expect(columns.vectors("medium")).toBeUndefined();
  expect(columns.vectors("vector")).toMatchObject({ metric: "COSINE", dimension });
});

test("a field that the schema lacks", () => {
  const columns = createGrowableColumns(schema);
  expect(() => columns.takeRows(new Uint32Array(1), ["other"])).toThrow(/no field 'other'/);
});

test.each<[string, string[], boolean, string[] | null]>([
  ["the key alone", [], true, ["key"]],
  [
    "what is named, the key first, in the order of the schema",
    ["float", "flag"],
    true,
    ["key", "flag", "float"],
  ],
  [
    "all but vectors",
    ["*"],
    true,
    [...every.filter((name) => name !== "vector" && name !== "$meta"), "$meta"],
  ],
  ["a vector when it is named", ["vector", "*"], false, every.filter((name) => name !== "$meta")],
  ["an undeclared name in the dynamic column", ["colour"], true, ["key", "$meta"]],
  ["an undeclared name where there is none", ["colour"], false, null],
])("output fields: %s", (_, names, dynamicFields, expected) => {
  const resolved = resolveOutputFields({ ...schema, dynamicFields }, names);
  expect(resolved.ok ? resolved.fields : null).toEqual(expected);
});
