// Indexes of ranges: built from a segment, attached, searched; and what is wrong with bad ones.
import { beforeAll, describe, expect, test } from "vitest";
import type { ObjectReference } from "../../src/messages/control.js";
import { BuildIndex } from "../../src/messages/task.js";
import { decodeRowBatch } from "../../src/rows/row-batch-codec.js";
import { hnswEngine, type IndexEngine } from "../../src/segments/index-engine.js";
import { createSegmentHost, type SegmentHost } from "../../src/segments/segment-host.js";
import { memoryObjectStore } from "../../src/storage/object-store-memory.js";
import type { ComputeJob } from "../../src/system/compute.js";
import { createRandom } from "../index/random-vectors.js";
import { dimension, type Held, putObject, schema, TestChannel } from "./test-channel.js";

const rowCount = 4_000;
const objects = memoryObjectStore();
let searches = 0;
const countingEngine: IndexEngine = {
  ...hnswEngine,
  loadIndex(bytes, expected) {
    const index = hnswEngine.loadIndex(bytes, expected);
    if ("reason" in index) return index;
    const search: typeof index.search = (...query) => {
      searches += 1;
      return index.search(...query);
    };
    return { count: index.count, bytes: index.bytes, search, free: () => index.free() };
  },
};
let host: SegmentHost;
let channel: TestChannel;
let segment: ObjectReference;
let index: ObjectReference;

const task = (overrides = {}) =>
  BuildIndex.create({
    channel: channel.name,
    collectionId: "c",
    segmentId: "s1",
    rowCount,
    field: "v",
    dimension,
    metric: "L2",
    parameters: { M: 8, efConstruction: 60 },
    segment,
    ...overrides,
  });

beforeAll(async () => {
  host = createSegmentHost({ objects, engine: countingEngine });
  channel = new TestChannel((job) => host.run(job), objects);
  const random = createRandom(5);
  await channel.insert(
    Array.from({ length: rowCount }, (_, id) => ({
      id: BigInt(id),
      v: Array.from({ length: dimension }, () => random()),
      tag: "t",
      n: id,
      meta: null,
    })),
  );
  channel.seal();
  segment = await channel.flush(channel.held[0] as Held);
  const bytes = (await objects.get(segment.key)) as Uint8Array;
  const built = await host.run({ kind: "buildIndex", task: task(), bytes });
  if (built.kind !== "indexBuilt") throw new Error(JSON.stringify(built));
  index = await putObject(objects, "c/indexes/i1", built.bytes);
  expect(index.sha256).toBe(built.sha256);
});

const attach = (overrides = {}): ComputeJob => ({
  kind: "attachIndex",
  channel: channel.name,
  range: (channel.held[0] as Held).range.number,
  field: "v",
  metric: "L2",
  dimension,
  rowCount,
  object: index,
  ...overrides,
});

async function idsOf(exact: boolean): Promise<unknown[]> {
  const vectors = new Uint8Array(new Float32Array(dimension).fill(0.5).buffer);
  const query = { field: "v", metric: "L2", dimension, vectors, count: 1, limit: 10 } as const;
  const { name, views, sequence: at } = channel;
  const place = { channel: name, views, at, filter: null, outputFields: [] };
  const found = await host.run({ kind: "search", ...place, ...query, ef: 16, exact });
  if (found.kind !== "searched" || found.rows === null) throw new Error(found.kind);
  const decoded = decodeRowBatch(found.rows);
  if (!decoded.ok) throw new Error(decoded.reason);
  return [...(decoded.batch.columns.get("id")?.values ?? [])];
}

test("a range is scanned until it has its index, then searched by it, unless exactly", async () => {
  const exact = await idsOf(true);
  expect(await idsOf(false)).toEqual(exact);
  expect(searches).toBe(0);
  expect(await host.run(attach())).toEqual({ kind: "done" });
  const approximate = await idsOf(false);
  expect(searches).toBe(1);
  expect(approximate.filter((id) => exact.includes(id)).length).toBeGreaterThanOrEqual(8);
  expect(await idsOf(true)).toEqual(exact);
  expect(searches).toBe(1);
});

test("rows that died are not found by the index either", async () => {
  await host.run(attach());
  const [nearest] = await idsOf(true);
  channel.delete([nearest as bigint]);
  expect(await idsOf(false)).not.toContain(nearest);
});

describe("an index that cannot be used", () => {
  test.each([
    ["another count", { rowCount: rowCount - 1 }],
    ["another dimension", { dimension: dimension + 1 }],
    ["another metric", { metric: "IP" }],
    ["another hash", { object: { key: "c/indexes/i1", sha256: "0".repeat(64), bytes: 1 } }],
  ])("%s", async (_, overrides) => {
    const result = await host.run(attach(overrides));
    expect(result).toMatchObject({ kind: "unreadable", reason: "corrupt" });
  });

  test("no object", async () => {
    const object = { key: "c/indexes/none", sha256: "0".repeat(64), bytes: 1 };
    expect(await host.run(attach({ object }))).toMatchObject({ reason: "missing" });
  });

  test("a damaged graph, though its hash is right", async () => {
    const bytes = ((await objects.get(index.key)) as Uint8Array).slice();
    bytes.fill(255, bytes.length - 64);
    const object = await putObject(objects, "c/indexes/i2", bytes);
    expect(await host.run(attach({ object }))).toMatchObject({ reason: "corrupt" });
  });

  test("a range that is dropped while the file comes", async () => {
    const other = createSegmentHost({ objects, engine: hnswEngine });
    const load = { kind: "loadSegment", channel: "c-0", range: 1, schema } as const;
    await other.run({ ...load, object: segment, segmentId: "s1" });
    const attaching = other.run(attach({ range: 1 }));
    await other.run({ kind: "dropRange", channel: "c-0", range: 1 });
    expect(await attaching).toEqual({ kind: "done" });
  });
});

describe("a segment that cannot be indexed", () => {
  test.each<[string, object, number]>([
    ["a flipped bit", {}, 1],
    ["another row count", { rowCount: rowCount + 1 }, 0],
    ["a field without vectors", { field: "tag" }, 0],
    ["another dimension", { dimension: 3 }, 0],
  ])("%s", async (_, overrides, flip) => {
    const bytes = ((await objects.get(segment.key)) as Uint8Array).slice();
    bytes[100] = (bytes[100] as number) ^ flip;
    const result = await host.run({ kind: "buildIndex", task: task(overrides), bytes });
    expect(result).toMatchObject({ kind: "unreadable", reason: "corrupt" });
  });
});
