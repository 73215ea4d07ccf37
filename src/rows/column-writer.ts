// A column that is filled value by value from what clients send.
import type { Column, Validity } from "./columns.js";
import {
  isProblem,
  readBoolean,
  readFloat,
  readInt64,
  readJsonColumn,
  readSmallInteger,
  readText,
} from "./scalar-value.js";
import { type Field, varCharLengthMax } from "./schema.js";
import type { ValueProblem, ValueWriter } from "./value-problem.js";
import { vectorWriter } from "./vector-value.js";

export interface ColumnWriter {
  readonly write: ValueWriter;
  /** The row has no value; its place holds zero. */
  skip(index: number): void;
  column(): Column;
}

export function columnWriter(field: Field, count: number): ColumnWriter {
  const { write, column } = writerOfType(field, count);
  let valid: Validity | undefined;
  return {
    write,
    skip: (index) => {
      valid ??= new Uint8Array(count).fill(1);
      valid[index] = 0;
    },
    column: () => (valid === undefined ? column : { ...column, valid }),
  };
}

interface TypedWriter {
  readonly write: ValueWriter;
  readonly column: Column;
}

function writerOfType(field: Field, count: number): TypedWriter {
  switch (field.type) {
    case "Int64": {
      const values = new BigInt64Array(count);
      return { column: { type: "Int64", values }, write: into(values, readInt64) };
    }
    case "Int8":
      return smallIntegers("Int8", 8, count);
    case "Int16":
      return smallIntegers("Int16", 16, count);
    case "Int32":
      return smallIntegers("Int32", 32, count);
    case "Float": {
      const values = new Float32Array(count);
      const write = into(values, (value) => readFloat(value, "Float"));
      return { column: { type: "Float", values }, write };
    }
    case "Double": {
      const values = new Float64Array(count);
      const write = into(values, (value) => readFloat(value, "Double"));
      return { column: { type: "Double", values }, write };
    }
    case "Bool": {
      const values = new Uint8Array(count);
      return { column: { type: "Bool", values }, write: into(values, readBoolean) };
    }
    case "VarChar": {
      const values = new Array<string>(count).fill("");
      const bytesMax = field.maxLength ?? varCharLengthMax;
      const write = into(values, (value) => readText(value, bytesMax));
      return { column: { type: "VarChar", values }, write };
    }
    case "JSON":
      return jsonValues(count);
    case "FloatVector":
      return vectors(field, count);
  }
}

function into<Value>(
  values: { [index: number]: Value },
  read: (value: unknown) => Value | ValueProblem,
): ValueWriter {
  return (value, index) => {
    const result = read(value);
    if (isProblem(result)) return result;
    values[index] = result;
    return null;
  };
}

function smallIntegers(type: "Int8" | "Int16" | "Int32", bits: 8 | 16 | 32, count: number) {
  const values = new Int32Array(count);
  const write = into(values, (value) => readSmallInteger(value, bits));
  return { column: { type, values }, write };
}

function jsonValues(count: number): TypedWriter {
  const values = new Array<unknown>(count).fill(null);
  const write: ValueWriter = (value, index) => {
    const read = readJsonColumn(value);
    if (!read.ok) return read.problem;
    values[index] = read.value;
    return null;
  };
  return { column: { type: "JSON", values }, write };
}

function vectors(field: Field, count: number): TypedWriter {
  const { dimension } = field;
  if (dimension === undefined) throw new Error(`vector field '${field.name}' without a dimension`);
  const values = new Float32Array(count * dimension);
  const column: Column = { type: "FloatVector", dimension, values };
  return { column, write: vectorWriter(values, dimension) };
}
