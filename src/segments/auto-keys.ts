// Gives the rows of an entry the keys that the log decided, where the collection asks for that.
import { autoId } from "../rows/auto-id.js";
import type { Column, RowBatch } from "../rows/columns.js";
import { type CollectionSchema, primaryKeyOf } from "../rows/schema.js";

/** The batch with its key column: its own, or the automatic ids of `shard` and `sequence`. */
export function withKeys(
  batch: RowBatch,
  schema: CollectionSchema,
  shard: number,
  sequence: number,
): RowBatch {
  const { name, autoId: isAutomatic } = primaryKeyOf(schema);
  if (!isAutomatic) return batch;
  const values = BigInt64Array.from({ length: batch.count }, (_, row) =>
    autoId(shard, sequence, row),
  );
  const columns = new Map<string, Column>([[name, { type: "Int64", values }]]);
  for (const [field, column] of batch.columns) if (field !== name) columns.set(field, column);
  return { count: batch.count, columns };
}
