// A growing range is cut where a seal says: each row is in one of the two, with all its values.
import { describe, expect, it } from "vitest";
import { allocateLives } from "../../src/log/row-table.js";
import { decodeRowBatch, encodeRowBatch } from "../../src/rows/row-batch-codec.js";
import { hnswEngine } from "../../src/segments/index-engine.js";
import { createSegmentHost } from "../../src/segments/segment-host.js";
import { memoryObjectStore } from "../../src/storage/object-store-memory.js";
import type { RangeView } from "../../src/system/compute.js";
import { batchOf, rowsOf, schema, type TestRow } from "./test-channel.js";

const channel = "c-0";
const rowOf = (id: number): TestRow => ({
  id: BigInt(id),
  v: id === 4 ? null : [id, 0, 0, 0],
  tag: `t${id}`,
  n: id % 2 === 0 ? null : id,
  meta: id === 5 ? { color: "red" } : null,
});

async function grownHost(later: number) {
  const host = createSegmentHost({ objects: memoryObjectStore(), engine: hnswEngine });
  const lives = allocateLives(6);
  lives.born.set([1, 1, 1, later, later, later]);
  await host.run({ kind: "openRange", channel, range: 1, shard: 0, schema, lives });
  for (const [sequence, ids] of [
    [1, [1, 2, 3]],
    [later, [4, 5, 6]],
  ] as const) {
    const rows = encodeRowBatch(batchOf(ids.map(rowOf)));
    const entry = { sequence, commit: BigInt(sequence), rows, count: 3 };
    await host.run({ kind: "appendRows", channel, range: 1, entry, lives: null });
  }
  return { host, lives };
}

async function splitHost(later = 2) {
  const { host, lives } = await grownHost(later);
  return { host, lives, tail: await split(host, later) };
}

async function split({ run }: Awaited<ReturnType<typeof grownHost>>["host"], later: number) {
  const tail = allocateLives(6);
  tail.born.set([later, later, later]);
  await run({ kind: "splitRange", channel, range: 1, rowCount: 3, into: 2, lives: tail });
  return tail;
}

async function scan(
  host: Awaited<ReturnType<typeof splitHost>>["host"],
  views: RangeView[],
  at = 9,
) {
  const result = await host.run({
    kind: "scan",
    ...{ channel, views, at, ids: null, filter: null, limit: null, mode: "rows" },
    outputFields: ["*", "v"],
  });
  if (result.kind !== "scanned" || result.rows === null) throw new Error(result.kind);
  const decoded = decodeRowBatch(result.rows);
  return decoded.ok ? rowsOf(decoded.batch) : [];
}

describe("split range", () => {
  it("shows every row once, nulls and dynamic fields included", async () => {
    const { host } = await splitHost();
    const rows = await scan(host, [
      { range: 1, rowCount: 3 },
      { range: 2, rowCount: 3 },
    ]);
    const whole = rowsOf(batchOf([1, 2, 3, 4, 5, 6].map(rowOf)));
    expect(rows.map((row) => ({ ...row, $meta: row.$meta ?? null }))).toEqual(
      whole.map((row) => ({ ...row, $meta: row.$meta ?? null })),
    );
  });

  it("lets the tail grow on and the head take no more", async () => {
    const { host, tail } = await splitHost();
    tail.born[3] = 3;
    const entry = { sequence: 3, commit: 3n, rows: encodeRowBatch(batchOf([rowOf(7)])), count: 1 };
    await host.run({ kind: "appendRows", channel, range: 2, entry, lives: null });
    await expect(
      host.run({ kind: "appendRows", channel, range: 1, entry, lives: null }),
    ).rejects.toThrow();
  });

  it("forgets who lived in the head: as many dead may be others now", async () => {
    const { host, lives } = await grownHost(9);
    lives.died[0] = 5;
    lives.died[3] = 10;
    const before = await scan(host, [{ range: 1, rowCount: 6, dead: 2 }], 8);
    expect(before.map((row) => row.tag)).toEqual(["t2", "t3"]);
    await split(host, 9);
    lives.died[1] = 11;
    const after = await scan(host, [{ range: 1, rowCount: 3, dead: 2 }], 12);
    expect(after.map((row) => row.tag)).toEqual(["t3"]);
  });

  it("gives the tail lives of its own", async () => {
    const { host, tail } = await splitHost();
    tail.died[0] = 3;
    const rows = await scan(host, [{ range: 2, rowCount: 3 }]);
    expect(rows.map((row) => row.tag)).toEqual(["t5", "t6"]);
  });
});
