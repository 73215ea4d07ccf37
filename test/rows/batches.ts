// Row batches of every kind of column, for property tests of the stored formats.
import fc from "fast-check";
import type { Column, RowBatch } from "../../src/rows/columns.js";

const wellFormed = fc.string({ unit: "binary", maxLength: 12 });
const names = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,8}$/);

function listOf<Value>(value: fc.Arbitrary<Value>, count: number): fc.Arbitrary<Value[]> {
  return fc.array(value, { minLength: count, maxLength: count });
}

function int32Column(type: "Int8" | "Int16" | "Int32", bits: number, count: number) {
  const value = fc.integer({ min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1 });
  return listOf(value, count).map((values): Column => ({ type, values: Int32Array.from(values) }));
}

function valuesArbitrary(count: number): fc.Arbitrary<Column> {
  const float = fc.float();
  return fc.oneof(
    listOf(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), count).map(
      (values): Column => ({ type: "Int64", values: BigInt64Array.from(values) }),
    ),
    int32Column("Int8", 8, count),
    int32Column("Int16", 16, count),
    int32Column("Int32", 32, count),
    listOf(float, count).map((v): Column => ({ type: "Float", values: Float32Array.from(v) })),
    listOf(fc.double(), count).map(
      (values): Column => ({ type: "Double", values: Float64Array.from(values) }),
    ),
    listOf(fc.integer({ min: 0, max: 1 }), count).map(
      (values): Column => ({ type: "Bool", values: Uint8Array.from(values) }),
    ),
    listOf(wellFormed, count).map((values): Column => ({ type: "VarChar", values })),
    listOf(fc.jsonValue({ maxDepth: 3 }), count).map(
      // Through JSON once: it has no -0 and no undefined.
      (values): Column => ({ type: "JSON", values: JSON.parse(JSON.stringify(values)) }),
    ),
    fc.integer({ min: 1, max: 5 }).chain((dimension) =>
      listOf(float, count * dimension).map(
        (values): Column => ({
          type: "FloatVector",
          dimension,
          values: Float32Array.from(values),
        }),
      ),
    ),
  );
}

function columnArbitrary(count: number): fc.Arbitrary<Column> {
  const valid = listOf(fc.integer({ min: 0, max: 1 }), count);
  return fc
    .tuple(valuesArbitrary(count), fc.option(valid))
    .map(([column, bits]) => (bits === null ? column : withNulls(column, Uint8Array.from(bits))));
}

/** A null row holds a zero value: formats that leave bits out give that back. */
function withNulls(column: Column, valid: Uint8Array): Column {
  if (column.type !== "Bool") return { ...column, valid };
  return {
    ...column,
    values: column.values.map((bit, row) => bit & (valid[row] as number)),
    valid,
  };
}

export const batches: fc.Arbitrary<RowBatch> = fc.nat({ max: 20 }).chain((count) =>
  fc
    .uniqueArray(fc.tuple(names, columnArbitrary(count)), {
      selector: ([name]) => name,
      minLength: 1,
      maxLength: 6,
    })
    .map((columns) => ({ count, columns: new Map<string, Column>(columns) })),
);

/** One column of every type, with nulls in most. */
export function everyColumn(count: number, dimension = 8): RowBatch {
  const rows = Array.from({ length: count }, (_, row) => row);
  const valid = Uint8Array.from(rows, (row) => (row % 3 === 1 ? 0 : 1));
  const text = (row: number): string => (valid[row] === 1 ? `wört ${row} 鳶 🪁` : "");
  const document = (row: number): unknown => (valid[row] === 1 ? { row, tags: ["a", null] } : null);
  const vectors = Float32Array.from({ length: count * dimension }, (_, at) => Math.sin(at));
  const columns: [string, Column][] = [
    ["key", { type: "Int64", values: BigInt64Array.from(rows, (row) => 2n ** 62n - BigInt(row)) }],
    ["vector", { type: "FloatVector", dimension, values: vectors }],
    ["title", { type: "VarChar", values: rows.map(text), valid }],
    ["$meta", { type: "JSON", values: rows.map(document), valid }],
    ["flag", { type: "Bool", values: Uint8Array.from(rows, (row) => row % 2), valid }],
    ["tiny", { type: "Int8", values: Int32Array.from(rows, (row) => (row % 256) - 128) }],
    ["small", { type: "Int16", values: Int32Array.from(rows, (row) => -row), valid }],
    ["medium", { type: "Int32", values: Int32Array.from(rows, (row) => row * 1000) }],
    ["float", { type: "Float", values: Float32Array.from(rows, (row) => row / 3), valid }],
    ["double", { type: "Double", values: Float64Array.from(rows, (row) => row / 7) }],
  ];
  return { count, columns: new Map(columns) };
}
