// The schema of a collection: its fields, their types and limits, as the client declares them.
import { z } from "zod";

/** Milvus's names for the types a field can have. */
export const fieldTypes = [
  "Int64",
  "VarChar",
  "Bool",
  "Int8",
  "Int16",
  "Int32",
  "Float",
  "Double",
  "JSON",
  "FloatVector",
] as const;
export type FieldType = (typeof fieldTypes)[number];

export const metrics = ["L2", "IP", "COSINE"] as const;
export type Metric = (typeof metrics)[number];

/** Milvus's limits, so that what fits there fits here. */
export const dimensionMax = 32_768;
export const varCharLengthMax = 65_535;
export const fieldsMax = 256;
export const limitMax = 16_384;

/** The column that holds what a row says beyond its declared fields. */
export const dynamicFieldName = "$meta";

/** Names of databases, collections and fields: they become NATS subjects. */
export const nameSchema = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,254}$/, "a name is [A-Za-z_][A-Za-z0-9_]{0,254}")
  .refine((name) => !["__proto__", "constructor", "prototype"].includes(name), {
    message: "this name is reserved by JavaScript",
  });

export const indexParametersSchema = z.strictObject({
  M: z.int().min(2).max(512).default(16),
  efConstruction: z.int().min(4).max(4096).default(200),
});
export type IndexParameters = z.infer<typeof indexParametersSchema>;

export const fieldSchema = z.strictObject({
  name: nameSchema,
  type: z.enum(fieldTypes),
  primaryKey: z.boolean().default(false),
  autoId: z.boolean().default(false),
  dimension: z.int().min(1).max(dimensionMax).optional(),
  maxLength: z.int().min(1).max(varCharLengthMax).optional(),
  nullable: z.boolean().default(false),
  default: z.union([z.string(), z.number(), z.boolean()]).optional(),
  metric: z.enum(metrics).optional(),
  index: indexParametersSchema.optional(),
});
export type Field = z.infer<typeof fieldSchema>;

export interface CollectionSchema {
  readonly fields: readonly Field[];
  readonly dynamicFields: boolean;
}

/** A primary key: `Int64` as a bigint, `VarChar` as a string. */
export type Key = bigint | string;

export function primaryKeyOf(schema: CollectionSchema): Field {
  const field = schema.fields.find((candidate) => candidate.primaryKey);
  if (field === undefined) throw new Error("a collection schema without a primary key");
  return field;
}

export function vectorFieldsOf(schema: CollectionSchema): readonly Field[] {
  return schema.fields.filter((field) => field.type === "FloatVector");
}
