// Rows as columns: the one shape that rows have from the proxy to the index.
import type { Key } from "./schema.js";

/** One byte a row, 1 where the value is present; absent when every row has a value. */
export type Validity = Uint8Array;

interface Nullable {
  readonly valid?: Validity | undefined;
}

export interface Int64Column extends Nullable {
  readonly type: "Int64";
  readonly values: BigInt64Array;
}
export interface Int32Column extends Nullable {
  readonly type: "Int8" | "Int16" | "Int32";
  readonly values: Int32Array;
}
export interface FloatColumn extends Nullable {
  readonly type: "Float";
  readonly values: Float32Array;
}
export interface DoubleColumn extends Nullable {
  readonly type: "Double";
  readonly values: Float64Array;
}
export interface BoolColumn extends Nullable {
  readonly type: "Bool";
  readonly values: Uint8Array;
}
export interface VarCharColumn extends Nullable {
  readonly type: "VarChar";
  readonly values: readonly string[];
}
/** Parsed JSON values, one a row (in the log and in segments they are JSON text). */
export interface JsonColumn extends Nullable {
  readonly type: "JSON";
  readonly values: readonly unknown[];
}
/** Row-major, `rows x dimension`. */
export interface VectorColumn extends Nullable {
  readonly type: "FloatVector";
  readonly dimension: number;
  readonly values: Float32Array;
}

export type ScalarColumn =
  | Int64Column
  | Int32Column
  | FloatColumn
  | DoubleColumn
  | BoolColumn
  | VarCharColumn
  | JsonColumn;
export type Column = ScalarColumn | VectorColumn;

/** `count` rows; every column has that many values. Null rows hold a zero value and `valid` 0. */
export interface RowBatch {
  readonly count: number;
  readonly columns: ReadonlyMap<string, Column>;
}

/** The primary keys of a batch, in row order. */
export function keysOf(batch: RowBatch, keyField: string): readonly Key[] {
  const column = batch.columns.get(keyField);
  if (column?.type === "Int64") return listOf(column.values);
  if (column?.type === "VarChar") return column.values;
  throw new Error(`the batch has no key column '${keyField}'`);
}

/** `Array.from` would make an object a value for its iterator. */
function listOf(values: BigInt64Array): readonly bigint[] {
  const list = new Array<bigint>(values.length);
  for (let index = 0; index < values.length; index += 1) list[index] = values[index] as bigint;
  return list;
}
