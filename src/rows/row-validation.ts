// The rows of a request into columns: all of them are right, or none is taken.
import { type Refused, refused } from "../contract/errors.js";
import { suggestion } from "../contract/nearest.js";
import { columnWriter } from "./column-writer.js";
import { type Column, keysOf, type RowBatch } from "./columns.js";
import { isReservedName } from "./json-value.js";
import { readJsonColumn } from "./scalar-value.js";
import { type CollectionSchema, dynamicFieldName, type Field, primaryKeyOf } from "./schema.js";
import { valueRefused } from "./value-problem.js";

/** What the row number of an automatic id can count in one entry of the log. */
export const rowsMax = 65_536;

/** Several entries of the log, more than a message can fill. */
const columnsBytesMax = 64 * 1024 * 1024;

export type BatchRead = { readonly ok: true; readonly batch: RowBatch } | Refused;
type ColumnRead = { readonly ok: true; readonly column: Column } | Refused;
type Row = Readonly<Record<string, unknown>>;

/** Without its key column when ids are automatic, with `$meta` when fields are dynamic. */
export function rowsToBatch(
  rows: readonly unknown[],
  schema: CollectionSchema,
  request: { readonly operation: "insert" | "upsert" },
): BatchRead {
  const misfit = rowsProblem(rows, schema, request.operation);
  if (misfit !== null) return misfit;
  const records = rows as readonly Row[];
  const unknown = unknownField(records, schema);
  if (unknown !== null) return unknown;
  const columns = new Map<string, Column>();
  for (const field of schema.fields) {
    if (field.autoId) continue;
    const read = readColumn(records, field);
    if (!read.ok) return read;
    columns.set(field.name, read.column);
  }
  if (schema.dynamicFields) {
    const read = dynamicColumn(records, schema);
    if (!read.ok) return read;
    columns.set(dynamicFieldName, read.column);
  }
  const batch = { count: rows.length, columns };
  return duplicateKey(batch, primaryKeyOf(schema)) ?? { ok: true, batch };
}

function rowsProblem(
  rows: readonly unknown[],
  schema: CollectionSchema,
  operation: "insert" | "upsert",
): Refused | null {
  if (rows.length === 0) return refused("invalid-request", "rows is empty");
  const fitting = rowsThatFit(schema);
  if (rows.length > fitting) {
    const hint = "send them as parts 0, 1, ... of one requestId";
    return refused("payload-too-large", `${rows.length} rows; ${fitting} would fit`, hint);
  }
  if (operation === "upsert" && primaryKeyOf(schema).autoId) {
    const hint = "delete the old row and insert the new one";
    return refused("invalid-request", "upsert needs keys, here they are automatic", hint);
  }
  for (let index = 0; index < rows.length; index += 1) {
    const row = rows[index];
    const isObject = typeof row === "object" && row !== null;
    if (isObject && !Array.isArray(row) && !ArrayBuffer.isView(row)) continue;
    return refused("invalid-row", `rows[${index}] is not an object of fields`);
  }
  return null;
}

/** Rows that leave out almost everything are small only until their columns are laid out. */
function rowsThatFit(schema: CollectionSchema): number {
  const widths = schema.fields.map(({ dimension = 2 }) => dimension * 4);
  const bytesOfRow = widths.reduce((sum, width) => sum + width, 0);
  return Math.min(rowsMax, Math.max(1, Math.floor(columnsBytesMax / bytesOfRow)));
}

function unknownField(rows: readonly Row[], schema: CollectionSchema): Refused | null {
  const declared = new Map(schema.fields.map((field) => [field.name, field]));
  for (let index = 0; index < rows.length; index += 1) {
    for (const name of Object.keys(rows[index] as Row)) {
      const field = declared.get(name);
      if (field !== undefined && !field.autoId) continue;
      const problem = fieldProblem(name, field, schema, `rows[${index}], field '${name}'`);
      if (problem !== null) return problem;
    }
  }
  return null;
}

function fieldProblem(
  name: string,
  field: Field | undefined,
  schema: CollectionSchema,
  where: string,
): Refused | null {
  if (field?.autoId) {
    const hint = "leave it out, or create the collection without autoId";
    return refused("invalid-row", `${where} is given by the server`, hint);
  }
  if (isReservedName(name)) return refused("reserved-name", `${where} has a reserved name`);
  if (name === dynamicFieldName) {
    const hint = "put dynamic fields beside the declared ones";
    return refused("reserved-name", `${where} has a reserved name`, hint);
  }
  if (schema.dynamicFields) return null;
  const known = schema.fields.filter((candidate) => !candidate.autoId);
  const names = known.map((candidate) => candidate.name);
  return refused("unknown-field", `${where} is not in the schema`, suggestion(name, names));
}

function readColumn(rows: readonly Row[], field: Field): ColumnRead {
  const writer = columnWriter(field, rows.length);
  const { name } = field;
  // A field may be called 'toString': then a row without it would seem to have it.
  const inherited = name in Object.prototype;
  for (let index = 0; index < rows.length; index += 1) {
    const row = rows[index] as Row;
    const given = inherited && !Object.hasOwn(row, name) ? undefined : row[name];
    const value = given ?? absentValue(given, field);
    if (value === null) {
      writer.skip(index);
      continue;
    }
    if (value === undefined) return missing(`rows[${index}], field '${name}'`, given);
    const problem = writer.write(value, index);
    if (problem !== null) return valueRefused(`rows[${index}], field '${name}'`, problem);
  }
  return { ok: true, column: writer.column() };
}

function missing(where: string, given: unknown): Refused {
  const state = given === null ? "is null" : "is missing";
  return refused("missing-field", `${where} ${state}`, "it is neither nullable nor has a default");
}

/** Null: the row has no value; undefined: it must have one. */
function absentValue(given: null | undefined, field: Field): Field["default"] | null {
  if (given === null && field.nullable) return null;
  return field.default ?? (field.nullable ? null : undefined);
}

function dynamicColumn(rows: readonly Row[], schema: CollectionSchema): ColumnRead {
  const declared = new Set(schema.fields.map((field) => field.name));
  const values = new Array<unknown>(rows.length);
  for (let index = 0; index < rows.length; index += 1) {
    const extra: Record<string, unknown> = {};
    let size = 0;
    for (const [name, value] of Object.entries(rows[index] as Row)) {
      if (declared.has(name)) continue;
      extra[name] = value;
      size += 1;
    }
    values[index] = extra;
    if (size === 0) continue;
    const read = readJsonColumn(extra);
    if (!read.ok) return valueRefused(`rows[${index}], its dynamic fields:`, read.problem);
    values[index] = read.value;
  }
  return { ok: true, column: { type: "JSON", values } };
}

function duplicateKey(batch: RowBatch, keyField: Field): Refused | null {
  if (keyField.autoId) return null;
  const keys = keysOf(batch, keyField.name);
  if (new Set(keys).size === keys.length) return null;
  const firsts = new Map<bigint | string, number>();
  for (const [index, key] of keys.entries()) {
    const first = firsts.get(key);
    if (first !== undefined) {
      const where = `rows[${index}], field '${keyField.name}'`;
      return refused("duplicate-key", `${where} repeats the key ${key} of rows[${first}]`);
    }
    firsts.set(key, index);
  }
  return null;
}
