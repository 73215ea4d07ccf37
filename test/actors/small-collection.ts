// A small collection for tests of single actors: its record, its rows, its channels.
import { type CollectionRecord, encodeRecord, thresholds } from "../../src/messages/records.js";
import type { RowBatch } from "../../src/rows/columns.js";
import { encodeRowBatch } from "../../src/rows/row-batch-codec.js";
import type { CollectionSchema, Field } from "../../src/rows/schema.js";

export const collectionId = "c1";
export const recordKey = "collections.main.docs";

const plain = { primaryKey: false, autoId: false, nullable: false };

export const keyField: Field = { ...plain, name: "id", type: "Int64", primaryKey: true };
export const vectorField: Field = {
  ...plain,
  name: "vector",
  type: "FloatVector",
  dimension: 2,
  metric: "L2",
  index: { M: 16, efConstruction: 200 },
};

export function schemaWith({ autoId = false } = {}): CollectionSchema {
  return { fields: [{ ...keyField, autoId }, vectorField], dynamicFields: false };
}

export function recordWith(
  change: Partial<CollectionRecord> = {},
  limits: Partial<CollectionRecord["settings"]["thresholds"]> = {},
): CollectionRecord {
  return {
    version: 1,
    collectionId,
    database: "main",
    name: "docs",
    state: "ready",
    ...schemaWith(),
    fields: [...schemaWith().fields],
    channels: ["c1-0", "c1-1"],
    settings: {
      replicas: 1,
      consistency: "strong",
      asOfWindowMs: 600_000,
      thresholds: thresholds.parse(limits),
    },
    request: "r0",
    createdAtMs: 1_700_000_000_000,
    ...change,
  };
}

export function recordEntry(record = recordWith(), revision = 7) {
  return { key: recordKey, value: encodeRecord(record), revision };
}

/** Rows with these keys; the vector of key k is (k, 0). */
export function batchOf(keys: readonly number[], { withKeys = true } = {}): RowBatch {
  const values = new Float32Array(keys.length * 2);
  keys.forEach((key, row) => {
    values[row * 2] = key;
  });
  const vector = { type: "FloatVector", dimension: 2, values } as const;
  const key = { type: "Int64", values: BigInt64Array.from(keys.map(BigInt)) } as const;
  const columns = withKeys
    ? [["id", key] as const, ["vector", vector] as const]
    : [["vector", vector] as const];
  return { count: keys.length, columns: new Map<string, typeof key | typeof vector>(columns) };
}

export const rowsOf = (keys: readonly number[], options = {}) =>
  encodeRowBatch(batchOf(keys, options));

/** Only the keys, as replies to a search for them bear them. */
export function keyRows(keys: readonly number[]): Uint8Array {
  const values = BigInt64Array.from(keys.map(BigInt));
  return encodeRowBatch({
    count: keys.length,
    columns: new Map([["id", { type: "Int64", values }]]),
  });
}
