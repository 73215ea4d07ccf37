// Columns of rows as Arrow columns and back: typed arrays are shared, bits and text are converted.
import assert from "node:assert/strict";
import {
  Bool,
  type Data,
  DataType,
  Field,
  FixedSizeList,
  Float32,
  Float64,
  Int8,
  Int16,
  Int32,
  Int64,
  makeData,
  Utf8,
} from "apache-arrow";
import type { Column, Int32Column, VectorColumn } from "../rows/columns.js";
import { expectThat } from "../rows/malformed.js";
import { jsonTextOf } from "../rows/row-batch-codec.js";
import { type FieldType, fieldTypes } from "../rows/schema.js";
import { decodeStrings, encodeStrings } from "../rows/utf8-strings.js";
import type { ArrowColumn } from "./arrow-file.js";
import { countZeros, packBits, unpackBits } from "./bits.js";

/** In a field's metadata: Elanus's name of its type, as Arrow has no JSON of its own. */
const typeKey = "elanus.type";

interface Nulls {
  readonly length: number;
  readonly nullCount: number;
  readonly nullBitmap: Uint8Array | null;
}

export function arrowColumnOf(name: string, column: Column, count: number): ArrowColumn {
  const data = arrowData(column, nullsOf(column, count));
  const nullable = column.valid !== undefined;
  return { field: new Field(name, data.type, nullable, new Map([[typeKey, column.type]])), data };
}

function nullsOf({ valid }: Column, length: number): Nulls {
  const nullCount = valid === undefined ? 0 : countZeros(valid);
  if (valid === undefined || nullCount === 0) return { length, nullCount, nullBitmap: null };
  return { length, nullCount, nullBitmap: packBits(valid) };
}

function arrowData(column: Column, nulls: Nulls): Data {
  switch (column.type) {
    case "Int64":
      return makeData({ type: new Int64(), ...nulls, data: column.values });
    case "Int8":
      return makeData({ type: new Int8(), ...nulls, data: narrowed(column, Int8Array) });
    case "Int16":
      return makeData({ type: new Int16(), ...nulls, data: narrowed(column, Int16Array) });
    case "Int32":
      return makeData({ type: new Int32(), ...nulls, data: column.values });
    case "Float":
      return makeData({ type: new Float32(), ...nulls, data: column.values });
    case "Double":
      return makeData({ type: new Float64(), ...nulls, data: column.values });
    case "Bool":
      return makeData({ type: new Bool(), ...nulls, data: packBits(column.values) });
    case "VarChar":
      return textData(column.values, nulls);
    case "JSON":
      return textData(column.values.map(jsonTextOf), nulls);
    case "FloatVector":
      return vectorData(column, nulls);
  }
}

function narrowed<Narrow extends Int8Array | Int16Array>(
  column: Int32Column,
  narrow: new (values: Int32Array) => Narrow,
): Narrow {
  return new narrow(column.values);
}

function textData(values: readonly string[], nulls: Nulls): Data {
  const { offsets, bytes } = encodeStrings(values);
  return makeData({ type: new Utf8(), ...nulls, valueOffsets: offsets, data: bytes });
}

function vectorData({ dimension, values }: VectorColumn, nulls: Nulls): Data {
  const child = makeData({
    type: new Float32(),
    length: values.length,
    nullCount: 0,
    data: values,
  });
  const type = new FixedSizeList(dimension, new Field("item", child.type, false));
  return makeData({ type, ...nulls, child });
}

/** Throws what `reasonOf` explains when the Arrow column is not what its metadata says. */
export function columnOf({ field, data }: ArrowColumn): Column {
  const type = field.metadata.get(typeKey) as FieldType;
  expectThat(fieldTypes.includes(type), `'${field.name}' has the unknown type '${type}'`);
  expectThat(isStoredAs(type, data.type), `'${field.name}' is ${data.type}, not ${type}`);
  const column = valuesOf(type, data);
  if (data.nullCount === 0) return column;
  const valid = unpackBits(data.nullBitmap ?? new Uint8Array(0), data.length);
  expectThat(countZeros(valid) === data.nullCount, `'${field.name}' has another count of nulls`);
  return { ...column, valid };
}

function isStoredAs(type: FieldType, stored: DataType): boolean {
  switch (type) {
    case "Int64":
      return DataType.isInt(stored) && stored.isSigned && stored.bitWidth === 64;
    case "Int8":
      return DataType.isInt(stored) && stored.isSigned && stored.bitWidth === 8;
    case "Int16":
      return DataType.isInt(stored) && stored.isSigned && stored.bitWidth === 16;
    case "Int32":
      return DataType.isInt(stored) && stored.isSigned && stored.bitWidth === 32;
    case "Float":
      return DataType.isFloat(stored) && stored.ArrayType === Float32Array;
    case "Double":
      return DataType.isFloat(stored) && stored.ArrayType === Float64Array;
    case "Bool":
      return DataType.isBool(stored);
    case "VarChar":
    case "JSON":
      return DataType.isUtf8(stored);
    case "FloatVector":
      return DataType.isFixedSizeList(stored) && isStoredAs("Float", stored.valueType);
  }
}

function valuesOf(type: FieldType, data: Data): Column {
  const { length, values } = data;
  switch (type) {
    case "Int64":
      return { type, values: taken(values as BigInt64Array, length) };
    case "Int8":
    case "Int16":
    case "Int32":
      return { type, values: widened(taken(values as Int32Array, length)) };
    case "Float":
      return { type, values: taken(values as Float32Array, length) };
    case "Double":
      return { type, values: taken(values as Float64Array, length) };
    case "Bool":
      return { type, values: bitsOf(data) };
    case "VarChar":
      return { type, values: textOf(data) };
    case "JSON":
      return { type, values: textOf(data).map((text) => JSON.parse(text)) };
    case "FloatVector":
      return vectorsOf(data);
  }
}

/** Arrow pads its buffers: a view of the values alone. */
function taken<TypedArray extends { length: number; subarray(from: number, to: number): unknown }>(
  values: TypedArray,
  length: number,
): TypedArray {
  expectThat(values.length >= length, "a column is cut off");
  return values.subarray(0, length) as TypedArray;
}

function widened(values: Int8Array | Int16Array | Int32Array): Int32Array {
  return values instanceof Int32Array ? values : Int32Array.from(values);
}

/** Arrow's writer leaves the bits out when no row has a value. */
function bitsOf({ length, nullCount, values }: Data): Uint8Array {
  return nullCount === length ? new Uint8Array(length) : unpackBits(values as Uint8Array, length);
}

function textOf({ length, values, valueOffsets }: Data): string[] {
  const offsets = taken(valueOffsets as Int32Array, length + 1);
  const end = offsets[length] as number;
  expectThat(end >= 0, "the text's end is negative");
  return decodeStrings({ offsets, bytes: taken(values as Uint8Array, end) }, length);
}

function vectorsOf(data: Data): VectorColumn {
  const dimension = (data.type as FixedSizeList).listSize;
  const [child] = data.children;
  const total = data.length * dimension;
  expectThat(dimension > 0 && child !== undefined, "a vector column without vectors");
  expectThat(child.length === total && child.nullCount === 0, "the vectors have other rows");
  assert(child.offset === 0);
  return { type: "FloatVector", dimension, values: taken(child.values as Float32Array, total) };
}
