// Part of a batch as views of it, without copying numbers and vectors.
import type { Column, RowBatch } from "../rows/columns.js";

/** The rows from `start` to before `end`. */
export function sliceRows(batch: RowBatch, start: number, end: number): RowBatch {
  const columns = new Map<string, Column>();
  for (const [name, column] of batch.columns) columns.set(name, sliceColumn(column, start, end));
  return { count: end - start, columns };
}

function sliceColumn(column: Column, start: number, end: number): Column {
  const valid = column.valid?.subarray(start, end);
  if (column.type === "FloatVector") {
    const { dimension } = column;
    return { ...column, values: column.values.subarray(start * dimension, end * dimension), valid };
  }
  if (column.type === "VarChar" || column.type === "JSON") {
    return { ...column, values: column.values.slice(start, end), valid } as Column;
  }
  return { ...column, values: column.values.subarray(start, end), valid } as Column;
}
