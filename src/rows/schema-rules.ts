// What a collection's fields must be together, beyond what each of them must be alone.
import { type Field, fieldsMax, type Metric, varCharLengthMax } from "./schema.js";

export type SchemaVerdict = { ok: true } | { ok: false; message: string; hint?: string };

/** Milvus's limit; with its largest dimension a row's vectors still fit into one log entry. */
export const vectorFieldsMax = 10;
export const metricDefault: Metric = "COSINE";
export const indexParametersDefault = { M: 16, efConstruction: 200 };

type Complaint = { message: string; hint?: string };

const integerLimits: Readonly<Record<string, readonly [bigint, bigint]>> = {
  Int8: [-(2n ** 7n), 2n ** 7n - 1n],
  Int16: [-(2n ** 15n), 2n ** 15n - 1n],
  Int32: [-(2n ** 31n), 2n ** 31n - 1n],
  Int64: [-(2n ** 63n), 2n ** 63n - 1n],
};
const floatMax = (2 - 2 ** -23) * 2 ** 127;

/** Whether a collection can have these fields; `message` names the first that stands in the way. */
export function checkSchema(fields: readonly Field[], dynamicFields: boolean): SchemaVerdict {
  const complaint =
    countComplaint(fields, dynamicFields) ??
    nameComplaint(fields) ??
    keyComplaint(fields) ??
    firstComplaint(fields) ??
    vectorComplaint(fields);
  return complaint === undefined ? { ok: true } : { ok: false, ...complaint };
}

/**
 * The fields with every default written out: what a collection was created with stays, even where
 * later code has other defaults.
 */
export function completeFields(fields: readonly Field[]): Field[] {
  return fields.map((field) => {
    if (field.type === "VarChar")
      return { ...field, maxLength: field.maxLength ?? varCharLengthMax };
    if (field.type !== "FloatVector") return field;
    const { metric = metricDefault, index = indexParametersDefault } = field;
    return { ...field, metric, index };
  });
}

/** The column for what rows say beyond their declared fields counts as one. */
function countComplaint(fields: readonly Field[], dynamicFields: boolean): Complaint | undefined {
  const columns = fields.length + (dynamicFields ? 1 : 0);
  if (columns <= fieldsMax) return undefined;
  return { message: `${columns} columns are more than ${fieldsMax}` };
}

function nameComplaint(fields: readonly Field[]): Complaint | undefined {
  const seen = new Set<string>();
  for (const { name } of fields) {
    if (seen.has(name)) return { message: `there are two fields named '${name}'` };
    seen.add(name);
  }
  return undefined;
}

function keyComplaint(fields: readonly Field[]): Complaint | undefined {
  const keys = fields.filter((field) => field.primaryKey);
  const [key] = keys;
  if (key === undefined) {
    const hint = 'give one Int64 or VarChar field "primaryKey": true';
    return { message: "no field is the primary key", hint };
  }
  if (keys.length > 1) {
    const names = keys.map((field) => `'${field.name}'`).join(", ");
    return { message: `${names} are all primary keys; a collection has one` };
  }
  if (key.type !== "Int64" && key.type !== "VarChar") {
    return { message: `the primary key '${key.name}' is ${key.type}, not Int64 or VarChar` };
  }
  if (key.nullable) return { message: `the primary key '${key.name}' cannot be nullable` };
  if (key.default !== undefined) {
    const hint = 'an Int64 key with "autoId": true is filled in by the server';
    return { message: `the primary key '${key.name}' cannot have a default`, hint };
  }
  return undefined;
}

function firstComplaint(fields: readonly Field[]): Complaint | undefined {
  for (const field of fields) {
    const complaint = attributeComplaint(field) ?? defaultComplaint(field);
    if (complaint !== undefined) return complaint;
  }
  return undefined;
}

/** Attributes that mean nothing for the field's type are mistakes, not decoration. */
function attributeComplaint(field: Field): Complaint | undefined {
  const { name, type } = field;
  if (field.autoId && !(field.primaryKey && type === "Int64")) {
    return { message: `'${name}' cannot have autoId: only a primary key of type Int64 can` };
  }
  if (type !== "VarChar" && field.maxLength !== undefined) {
    return { message: `'${name}' is ${type}: only VarChar has a maxLength` };
  }
  if (type === "FloatVector") return vectorAttributeComplaint(field);
  for (const attribute of ["dimension", "metric", "index"] as const) {
    if (field[attribute] !== undefined) {
      return { message: `'${name}' is ${type}: only FloatVector has ${attribute}` };
    }
  }
  return undefined;
}

function vectorAttributeComplaint(field: Field): Complaint | undefined {
  const { name } = field;
  if (field.dimension === undefined) {
    const hint = `for instance {"name": "${name}", "type": "FloatVector", "dimension": 768}`;
    return { message: `the vector field '${name}' has no dimension`, hint };
  }
  if (field.nullable) return { message: `the vector field '${name}' cannot be nullable` };
  if (field.default !== undefined) {
    return { message: `the vector field '${name}' cannot have a default` };
  }
  return undefined;
}

function vectorComplaint(fields: readonly Field[]): Complaint | undefined {
  const count = fields.filter((field) => field.type === "FloatVector").length;
  if (count === 0) {
    const hint = 'add a field of type FloatVector with its "dimension"';
    return { message: "there is no vector field", hint };
  }
  if (count <= vectorFieldsMax) return undefined;
  return { message: `${count} vector fields are more than ${vectorFieldsMax}` };
}

function defaultComplaint(field: Field): Complaint | undefined {
  const { name, type, default: value } = field;
  if (value === undefined) return undefined;
  if (type === "JSON") return { message: `the JSON field '${name}' cannot have a default` };
  if (isOfType(field, value)) return undefined;
  return { message: `the default of '${name}' is no ${type}: ${JSON.stringify(value)}` };
}

function isOfType(field: Field, value: string | number | boolean): boolean {
  switch (field.type) {
    case "Bool":
      return typeof value === "boolean";
    case "VarChar":
      return (
        typeof value === "string" &&
        Buffer.byteLength(value) <= (field.maxLength ?? varCharLengthMax)
      );
    case "Float":
      return typeof value === "number" && Math.abs(value) <= floatMax;
    case "Double":
      return typeof value === "number" && Number.isFinite(value);
    default:
      return isInteger(field.type, value);
  }
}

/** An Int64 may be a string, since JSON numbers end at 2^53. */
function isInteger(type: string, value: string | number | boolean): boolean {
  const limits = integerLimits[type];
  if (limits === undefined || typeof value === "boolean") return false;
  if (typeof value === "number" && !Number.isSafeInteger(value)) return false;
  if (typeof value === "string" && (type !== "Int64" || !/^-?\d{1,19}$/.test(value))) return false;
  const integer = BigInt(value);
  return integer >= limits[0] && integer <= limits[1];
}
