// Keys that the log decides: shard, sequence of the entry and row within it, in one Int64.

const sequenceBits = 37n;
const rowBits = 16n;

export const shardsOfAutoIdsMax = 2 ** 10;
/** The rows that one entry of a collection with automatic ids may have. */
export const rowsOfAutoIdsMax = 2 ** 16;
const sequenceMax = 2 ** 37 - 1;

/** Positive, and in the log's order within a shard. Throws where a part does not fit its bits. */
export function autoId(shard: number, sequence: number, row: number): bigint {
  assertPart("shard", shard, shardsOfAutoIdsMax - 1);
  assertPart("sequence", sequence, sequenceMax);
  assertPart("row", row, rowsOfAutoIdsMax - 1);
  return (((BigInt(shard) << sequenceBits) | BigInt(sequence)) << rowBits) | BigInt(row);
}

/** The shard whose log gave this id; null when no log can have given it. */
export function shardOf(id: bigint): number | null {
  const shard = id >> (sequenceBits + rowBits);
  return shard >= 0n && shard < BigInt(shardsOfAutoIdsMax) ? Number(shard) : null;
}

function assertPart(name: string, value: number, max: number): void {
  if (Number.isInteger(value) && value >= 0 && value <= max) return;
  throw new RangeError(`an automatic id cannot hold ${name} ${value}, only 0 to ${max}`);
}
