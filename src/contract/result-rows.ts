// Rows of results: from the columns of a batch to the objects that a client gets.
import type { Column, RowBatch } from "../rows/columns.js";
import { isReservedName } from "../rows/json-value.js";
import { type CollectionSchema, dynamicFieldName, primaryKeyOf } from "../rows/schema.js";
import { type Refused, refused } from "./errors.js";
import { suggestion } from "./nearest.js";

export type ContentType = "json" | "msgpack";

/** What a read shows of a row. */
export interface Output {
  /** Declared fields, in the order of the schema. */
  readonly fields: readonly string[];
  /** What it shows of the dynamic column: some of its names, or all that it holds. */
  readonly dynamic: readonly string[] | "all";
  /** The columns that this takes: what workers are asked for. */
  readonly columns: readonly string[];
}

export type OutputRead = { readonly ok: true; readonly output: Output } | Refused;

/** `*` is every field; null, where a request says nothing, every one that is not a vector. */
export function resolveOutput(
  outputFields: readonly string[] | null,
  schema: CollectionSchema,
): OutputRead {
  const asked = new Set(outputFields ?? ["*"]);
  const everything = asked.has("*");
  const shown = schema.fields.filter(({ name, type }) =>
    outputFields === null ? type !== "FloatVector" : everything || asked.has(name),
  );
  const declared = new Set(schema.fields.map((field) => field.name));
  const others = [...asked].filter((name) => !declared.has(name) && name !== "*");
  const [unknown] = others;
  if (unknown !== undefined && !schema.dynamicFields) {
    const hint = suggestion(unknown, [...declared]);
    return refused("unknown-field", `outputFields: there is no field '${unknown}'`, hint);
  }
  const all = schema.dynamicFields && (everything || asked.has(dynamicFieldName));
  const dynamic = all ? "all" : others;
  const fields = shown.map((field) => field.name);
  const columns = all || others.length > 0 ? [...fields, dynamicFieldName] : fields;
  return { ok: true, output: { fields, dynamic, columns } };
}

/** The output of `query`, whose rows always show their key. */
export function withKey(output: Output, schema: CollectionSchema): Output {
  const key = primaryKeyOf(schema).name;
  if (output.fields.includes(key)) return output;
  return { ...output, fields: [key, ...output.fields], columns: [key, ...output.columns] };
}

export type ResultRow = Readonly<Record<string, unknown>>;

/**
 * Makes the object of a row. In JSON an Int64 is a string and a vector an array of numbers; in
 * MessagePack a bigint and the bytes of float32.
 */
export function rowReader(
  batch: RowBatch,
  output: Output,
  contentType: ContentType,
): (row: number) => ResultRow {
  const readers = output.fields.map(
    (name) => [name, valueReader(batch, name, contentType)] as const,
  );
  const { dynamic } = output;
  const readDynamic =
    dynamic === "all" || dynamic.length > 0
      ? valueReader(batch, dynamicFieldName, contentType)
      : undefined;
  return (row) => {
    // Without a prototype no name of a field can reach one.
    const result: Record<string, unknown> = Object.create(null);
    for (const [name, read] of readers) result[name] = read(row);
    if (readDynamic !== undefined) spread(readDynamic(row), dynamic, result);
    return result;
  };
}

function spread(value: unknown, names: Output["dynamic"], into: Record<string, unknown>): void {
  if (typeof value !== "object" || value === null) return;
  const chosen = names === "all" ? Object.keys(value) : names;
  for (const name of chosen) {
    if (isReservedName(name) || !Object.hasOwn(value, name)) continue;
    if (name in into) continue;
    into[name] = Reflect.get(value, name);
  }
}

/** The value of one column in a row: also for the `id` of a hit. */
export function valueReader(
  batch: RowBatch,
  name: string,
  contentType: ContentType,
): (row: number) => unknown {
  const column = batch.columns.get(name);
  if (column === undefined) {
    // An entry of a collection whose rows said nothing more may come without this column.
    if (name === dynamicFieldName) return () => null;
    throw new Error(`a batch of results without the column '${name}'`);
  }
  const read = presentReader(column, contentType);
  const { valid } = column;
  return valid === undefined ? read : (row) => (valid[row] === 0 ? null : read(row));
}

function presentReader(column: Column, contentType: ContentType): (row: number) => unknown {
  switch (column.type) {
    case "Int64":
      return contentType === "json"
        ? (row) => String(column.values[row])
        : (row) => column.values[row];
    case "Bool":
      return (row) => column.values[row] === 1;
    case "FloatVector": {
      const { values, dimension } = column;
      const slice = (row: number) => values.subarray(row * dimension, (row + 1) * dimension);
      return contentType === "json"
        ? (row) => Array.from(slice(row))
        : (row) => bytesOf(slice(row));
    }
    default:
      return (row) => column.values[row];
  }
}

function bytesOf(vector: Float32Array): Uint8Array {
  return new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength);
}
