// Which shard a row belongs to: by the hash of its key, so that one key's history is one log.
import xxhash from "xxhash-wasm";
import { shardOf } from "./auto-id.js";
import type { RowBatch } from "./columns.js";
import { pickRows } from "./pick-rows.js";
import type { Key } from "./schema.js";

const { h32 } = await xxhash();

/** The same for ever: rows would be lost to a change. */
export function shardOfKey(key: Key, shards: number): number {
  return h32(typeof key === "bigint" ? `i${key}` : `s${key}`) % shards;
}

/** Automatic ids carry the shard that made them. */
export function shardOfAutoId(key: Key, shards: number): number | null {
  const shard = typeof key === "bigint" ? shardOf(key) : null;
  return shard !== null && shard < shards ? shard : null;
}

/** Where the rows of a request go that get automatic ids: every attempt at it to the same shard. */
export function shardOfRequest(requestId: string, part: number, shards: number): number {
  return h32(`r${requestId}/${part}`) % shards;
}

/** Splits a batch by the shard of each row's key, keeping the order within each. */
export function splitByKey(
  batch: RowBatch,
  keys: readonly Key[],
  shards: number,
): ReadonlyMap<number, RowBatch> {
  if (shards === 1) return new Map([[0, batch]]);
  const offsets = new Map<number, number[]>();
  keys.forEach((key, offset) => {
    const shard = shardOfKey(key, shards);
    const list = offsets.get(shard);
    if (list === undefined) offsets.set(shard, [offset]);
    else list.push(offset);
  });
  return new Map([...offsets].map(([shard, list]) => [shard, selectRows(batch, list)]));
}

function selectRows(batch: RowBatch, offsets: readonly number[]): RowBatch {
  const sources = new Uint32Array(offsets.length);
  return pickRows([batch], { sources, positions: Uint32Array.from(offsets) });
}
