// Whether a row batch from the log has the columns that its collection's schema asks for.
import type { Column, RowBatch } from "./columns.js";
import { type CollectionSchema, dynamicFieldName, type Field } from "./schema.js";

/** Null when it fits, otherwise why not. */
export function batchMisfit(batch: RowBatch, schema: CollectionSchema): string | null {
  for (const field of schema.fields) {
    const misfit = columnMisfit(batch.columns.get(field.name), field);
    if (misfit !== null) return misfit;
  }
  const dynamic = batch.columns.get(dynamicFieldName);
  if (dynamic !== undefined && dynamic.type !== "JSON") return "the dynamic column is not JSON";
  return null;
}

function columnMisfit(column: Column | undefined, field: Field): string | null {
  if (column === undefined) return field.autoId ? null : `column '${field.name}' is missing`;
  if (column.type !== field.type) {
    return `column '${field.name}' is ${column.type}, not ${field.type}`;
  }
  if (column.type === "FloatVector" && column.dimension !== field.dimension) {
    return `column '${field.name}' has ${column.dimension} dimensions, not ${field.dimension}`;
  }
  return null;
}
