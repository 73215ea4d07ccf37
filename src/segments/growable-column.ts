// One scalar column that grows by doubling, so that appending a batch costs what the batch costs.
import type { ScalarColumn } from "../rows/columns.js";
import { capacityFor, createValidity } from "./growable-validity.js";

export type ScalarType = ScalarColumn["type"];
type NumericValues = BigInt64Array | Int32Array | Float32Array | Float64Array | Uint8Array;

export interface GrowableColumn {
  /** Its arrays may be longer than the rows appended; growth replaces them. */
  readonly view: ScalarColumn;
  /** Appends `count` rows; nulls where there is no column. */
  append(column: ScalarColumn | undefined, count: number): void;
}

/** An empty column with room for `rows`. */
export function createGrowableColumn(type: ScalarType, rows = 0): GrowableColumn {
  if (type === "VarChar") return new ListColumn<string>(type, "");
  if (type === "JSON") return new ListColumn<unknown>(type, null);
  return new NumericColumn(type, rows);
}

function emptyValues(type: ScalarType, capacity: number): NumericValues {
  switch (type) {
    case "Int64":
      return new BigInt64Array(capacity);
    case "Float":
      return new Float32Array(capacity);
    case "Double":
      return new Float64Array(capacity);
    case "Bool":
      return new Uint8Array(capacity);
    default:
      return new Int32Array(capacity);
  }
}

class NumericColumn implements GrowableColumn {
  private readonly type: ScalarType;
  private readonly validity = createValidity();
  private values: NumericValues;
  private count = 0;

  constructor(type: ScalarType, rows: number) {
    this.type = type;
    this.values = emptyValues(type, rows);
  }

  get view(): ScalarColumn {
    const { type, values, validity } = this;
    return { type, values, valid: validity.bytes } as ScalarColumn;
  }

  append(column: ScalarColumn | undefined, count: number): void {
    this.reserve(this.count + count);
    // The type of the column was checked against the schema, so both arrays are of one kind.
    if (column !== undefined)
      (this.values as Uint8Array).set(column.values as Uint8Array, this.count);
    this.validity.append(column === undefined ? "none" : column.valid, this.count, count);
    this.count += count;
  }

  private reserve(rows: number): void {
    if (rows <= this.values.length) return;
    const larger = emptyValues(this.type, capacityFor(this.values.length, rows));
    (larger as Uint8Array).set(this.values as Uint8Array);
    this.values = larger;
  }
}

class ListColumn<Value> implements GrowableColumn {
  private readonly type: ScalarType;
  private readonly absent: Value;
  private readonly validity = createValidity();
  private readonly values: Value[] = [];

  constructor(type: ScalarType, absent: Value) {
    this.type = type;
    this.absent = absent;
  }

  get view(): ScalarColumn {
    const { type, values, validity } = this;
    return { type, values, valid: validity.bytes } as ScalarColumn;
  }

  append(column: ScalarColumn | undefined, count: number): void {
    const from = this.values.length;
    const added = column?.values as readonly Value[] | undefined;
    for (let row = 0; row < count; row++) {
      this.values.push(added === undefined ? this.absent : (added[row] as Value));
    }
    this.validity.append(column === undefined ? "none" : column.valid, from, count);
  }
}
