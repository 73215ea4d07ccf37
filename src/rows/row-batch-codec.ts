// A row batch as bytes, the body of log entries: a version byte, then columns in MessagePack.
import assert from "node:assert/strict";
import { endianness } from "node:os";
import { Packr, RESERVE_START_SPACE, Unpackr } from "msgpackr";
import { assertRowBatch, checkColumn } from "./check-columns.js";
import type { Column, RowBatch, ScalarColumn, Validity, VectorColumn } from "./columns.js";
import { copied } from "./copied.js";
import { expectThat, reasonOf } from "./malformed.js";
import { type FieldType, fieldTypes } from "./schema.js";
import { StoredVectors } from "./stored-vectors.js";
import { decodeStrings, encodeStrings } from "./utf8-strings.js";

const rowBatchFormatVersion = 1;

export type DecodedRowBatch =
  | { readonly ok: true; readonly batch: RowBatch }
  | { readonly ok: false; readonly reason: string };

/**
 * `[count, [column, ...]]`. Arrays throughout: no name ever becomes a property. Numbers are
 * little-endian bytes, text is UTF-8 with its Int32 offsets, JSON values are JSON text.
 */
type PackedBatch = readonly [count: number, columns: readonly PackedColumn[]];
type PackedColumn = readonly [
  name: string,
  type: FieldType,
  valid: Uint8Array | null,
  /** The values, or the text of all values. */
  bytes: Uint8Array,
  /** The offsets of text, the dimension of vectors. */
  shape: Uint8Array | number | null,
];

const packr = new Packr({ useRecords: false });
const unpackr = new Unpackr({ useRecords: false });
const nameLengthMax = 255;

// Values are copied as they lie in memory.
assert(endianness() === "LE", "stored formats need a little-endian processor");

/** Throws on a batch that breaks its own rules (lengths, ranges, lone surrogates). */
export function encodeRowBatch(batch: RowBatch): Uint8Array {
  assertRowBatch(batch);
  const columns = [...batch.columns].map(([name, column]) => pack(name, column));
  const packed: PackedBatch = [batch.count, columns];
  const bytes = packr.pack(packed, RESERVE_START_SPACE | 1);
  bytes[0] = rowBatchFormatVersion;
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Never throws. The batch shares no memory with the bytes. */
export function decodeRowBatch(bytes: Uint8Array): DecodedRowBatch {
  return decoded(bytes, (vectors, dimension, valid) => {
    return { type: "FloatVector", dimension, values: copied(Float32Array, vectors), valid };
  });
}

/** The same, but its vectors are those in the bytes, which must stay as they are meanwhile. */
export function viewRowBatch(bytes: Uint8Array): DecodedRowBatch {
  return decoded(
    bytes,
    (vectors, dimension, valid) => new StoredVectors(vectors, dimension, valid),
  );
}

type VectorsOf = (
  bytes: Uint8Array,
  dimension: number,
  valid: Validity | undefined,
) => VectorColumn;

function decoded(bytes: Uint8Array, vectorsOf: VectorsOf): DecodedRowBatch {
  try {
    expectThat(bytes.length > 1, "the row batch is empty");
    expectThat(bytes[0] === rowBatchFormatVersion, `row batch version ${bytes[0]} is not known`);
    return { ok: true, batch: unpackBatch(unpackr.unpack(bytes.subarray(1)), vectorsOf) };
  } catch (error) {
    return { ok: false, reason: reasonOf(error) };
  }
}

function pack(name: string, column: Column): PackedColumn {
  const valid = column.valid ?? null;
  switch (column.type) {
    case "VarChar":
      return packText(name, column.type, valid, column.values);
    case "JSON":
      return packText(name, column.type, valid, column.values.map(jsonTextOf));
    case "FloatVector":
      return [name, column.type, valid, bytesOf(column.values), column.dimension];
    default:
      return [name, column.type, valid, bytesOf(column.values), null];
  }
}

function packText(
  name: string,
  type: FieldType,
  valid: Validity | null,
  values: readonly string[],
): PackedColumn {
  const { offsets, bytes } = encodeStrings(values);
  return [name, type, valid, bytes, bytesOf(offsets)];
}

/** A value that JSON does not know, such as the `undefined` of a null row, is stored as null. */
export function jsonTextOf(value: unknown): string {
  return JSON.stringify(value) ?? "null";
}

function unpackBatch(packed: unknown, vectorsOf: VectorsOf): RowBatch {
  expectThat(Array.isArray(packed) && packed.length === 2, "not a row batch");
  const [count, packedColumns] = packed;
  expectThat(Number.isSafeInteger(count) && count >= 0, "the row count is no count");
  expectThat(Array.isArray(packedColumns), "the columns are no array");
  expectThat(count === 0 || packedColumns.length > 0, "rows without columns");
  const columns = new Map<string, Column>();
  for (const packedColumn of packedColumns) {
    const [name, column] = unpackColumn(packedColumn, count, vectorsOf);
    expectThat(!columns.has(name), `two columns are named '${name}'`);
    columns.set(name, column);
  }
  return { count, columns };
}

function unpackColumn(packed: unknown, count: number, vectorsOf: VectorsOf): [string, Column] {
  expectThat(Array.isArray(packed) && packed.length === 5, "not a column");
  const [name, type, valid, bytes, shape] = packed;
  expectThat(typeof name === "string" && name.length <= nameLengthMax, "a column without a name");
  expectThat(valid === null || valid instanceof Uint8Array, `${name}: validity is no bytes`);
  expectThat(bytes instanceof Uint8Array, `${name}: values are no bytes`);
  const validity = valid === null ? {} : { valid: copied(Uint8Array, valid) };
  const column =
    type === "FloatVector"
      ? vectorsOf(bytes, dimensionOf(shape), validity.valid)
      : { ...scalarsOf(type, bytes, shape, count), ...validity };
  const fault = checkColumn(column, count);
  expectThat(fault === undefined, `${name}: ${fault}`);
  return [name, column];
}

function scalarsOf(type: unknown, bytes: Uint8Array, shape: unknown, count: number): ScalarColumn {
  switch (type as FieldType) {
    case "Int64":
      return { type: "Int64", values: copied(BigInt64Array, bytes) };
    case "Int8":
    case "Int16":
    case "Int32":
      return { type: type as "Int32", values: copied(Int32Array, bytes) };
    case "Float":
      return { type: "Float", values: copied(Float32Array, bytes) };
    case "Double":
      return { type: "Double", values: copied(Float64Array, bytes) };
    case "Bool":
      return { type: "Bool", values: copied(Uint8Array, bytes) };
    case "VarChar":
      return { type: "VarChar", values: textOf(bytes, shape, count) };
    case "JSON":
      return { type: "JSON", values: textOf(bytes, shape, count).map((text) => JSON.parse(text)) };
    default:
      throw new Error(`'${String(type)}' is none of ${fieldTypes.join(", ")}`);
  }
}

function dimensionOf(shape: unknown): number {
  expectThat(typeof shape === "number", "the dimension is no number");
  return shape;
}

function textOf(bytes: Uint8Array, offsets: unknown, count: number): string[] {
  expectThat(offsets instanceof Uint8Array, "the offsets are no bytes");
  return decodeStrings({ offsets: copied(Int32Array, offsets), bytes }, count);
}

function bytesOf(values: ArrayBufferView): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
