// Automatic ids: unique, in log order, and telling their shard.
import fc from "fast-check";
import { expect, test } from "vitest";
import { autoId, shardOf } from "../../src/rows/auto-id.js";

const shards = fc.integer({ min: 0, max: 1023 });
const sequences = fc.integer({ min: 0, max: 2 ** 37 - 1 });
const rowNumbers = fc.integer({ min: 0, max: 65_535 });

test("an id tells its shard, and fits an Int64", () => {
  fc.assert(
    fc.property(shards, sequences, rowNumbers, (shard, sequence, row) => {
      const id = autoId(shard, sequence, row);
      expect(shardOf(id)).toBe(shard);
      expect(BigInt.asIntN(64, id)).toBe(id);
      expect((id >> 16n) & (2n ** 37n - 1n)).toBe(BigInt(sequence));
      expect(id & 0xffffn).toBe(BigInt(row));
    }),
  );
});

test("ids of one shard ascend in log order", () => {
  const place = fc.tuple(sequences, rowNumbers);
  fc.assert(
    fc.property(shards, place, place, (shard, [sequenceA, rowA], [sequenceB, rowB]) => {
      const isBefore = sequenceA < sequenceB || (sequenceA === sequenceB && rowA < rowB);
      expect(autoId(shard, sequenceA, rowA) < autoId(shard, sequenceB, rowB)).toBe(isBefore);
    }),
  );
});

test("the layout is 10, 37 and 16 bits", () => {
  expect(autoId(1, 1, 1)).toBe(2n ** 53n + 2n ** 16n + 1n);
  expect(autoId(1023, 2 ** 37 - 1, 65_535)).toBe(2n ** 63n - 1n);
});

test.each([
  [1024, 1, 0],
  [0, 2 ** 37, 0],
  [0, 1, 65_536],
  [-1, 1, 0],
  [0, 1.5, 0],
])("shard %d, sequence %d, row %d do not fit", (shard, sequence, row) => {
  expect(() => autoId(shard, sequence, row)).toThrow(RangeError);
});

test("a key that no log gave has no shard", () => {
  expect(shardOf(-1n)).toBeNull();
  expect(shardOf(2n ** 63n)).toBeNull();
});
