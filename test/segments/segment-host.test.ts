// A host of ranges: what it refuses, what it survives, and what a load brings.
import { beforeEach, describe, expect, test } from "vitest";
import type { ObjectReference } from "../../src/messages/control.js";
import { encodeRowBatch } from "../../src/rows/row-batch-codec.js";
import { hnswEngine } from "../../src/segments/index-engine.js";
import { createSegmentHost, type SegmentHost } from "../../src/segments/segment-host.js";
import { UnavailableError } from "../../src/storage/errors.js";
import type { ObjectStore } from "../../src/storage/object-store.js";
import { memoryObjectStore } from "../../src/storage/object-store-memory.js";
import { encodeSegment } from "../../src/storage/segment-file.js";
import type { ComputeJob, ComputeResult } from "../../src/system/compute.js";
import {
  batchOf,
  dimension,
  type Held,
  putObject,
  schema,
  TestChannel,
  type TestRow,
} from "./test-channel.js";

let objects: ObjectStore;
let host: SegmentHost;
let channel: TestChannel;

const row = (id: number, v: number): TestRow => ({
  id: BigInt(id),
  v: [v, 0, 0, 0],
  tag: "t",
  n: id,
  meta: null,
});

beforeEach(() => {
  objects = memoryObjectStore();
  host = createSegmentHost({ objects, engine: hnswEngine });
  channel = new TestChannel((job) => host.run(job), objects);
});

function searchOf(overrides: Partial<Extract<ComputeJob, { kind: "search" }>> = {}): ComputeJob {
  return {
    kind: "search",
    channel: channel.name,
    views: channel.views,
    at: channel.sequence,
    field: "v",
    metric: "L2",
    dimension,
    vectors: new Uint8Array(new Float32Array(dimension).buffer),
    count: 1,
    limit: 10,
    ef: 16,
    exact: true,
    filter: null,
    outputFields: [],
    ...overrides,
  };
}

const scanOf = (overrides: Partial<Extract<ComputeJob, { kind: "scan" }>> = {}): ComputeJob => ({
  kind: "scan",
  channel: channel.name,
  views: channel.views,
  at: channel.sequence,
  ids: null,
  filter: null,
  limit: null,
  mode: "count",
  outputFields: [],
  ...overrides,
});

describe("a request that cannot be run", () => {
  test.each<[string, Partial<Extract<ComputeJob, { kind: "search" }>>, RegExp]>([
    ["a filter that does not parse", { filter: "n >" }, /position/],
    ["an output field that is not there", { outputFields: ["w"] }, /no field 'w'/],
    ["vectors that are cut off", { vectors: new Uint8Array(15) }, /15 bytes/],
    ["a field without vectors", { field: "tag" }, /no vector field/],
    ["another dimension", { dimension: 2, vectors: new Uint8Array(8) }, /4 dimensions/],
    ["another metric", { metric: "IP" }, /metric L2/],
  ])("%s", async (_, overrides, message) => {
    await channel.insert([row(1, 1)]);
    const closed = { ...schema, dynamicFields: false };
    const { range } = channel.held[0] as Held;
    const lives = range.lives;
    await host.run({ kind: "openRange", channel: "x", range: 1, shard: 0, schema: closed, lives });
    const entry = (channel.held[0] as Held).entries[0] as Held["entries"][number];
    await host.run({ kind: "appendRows", channel: "x", range: 1, entry, lives: null });
    const views = [{ range: 1, rowCount: 1 }];
    const result = await host.run(searchOf({ channel: "x", views, ...overrides }));
    expect(result).toEqual({ kind: "invalid", message: expect.stringMatching(message) });
  });

  test("vectors may lie anywhere in their buffer", async () => {
    await channel.insert([row(1, 1), row(2, 5)]);
    const shifted = new Uint8Array(3 + dimension * 4).subarray(3);
    shifted.set(new Uint8Array(Float32Array.of(5, 0, 0, 0).buffer));
    const result = await host.run(searchOf({ vectors: Buffer.from(shifted.buffer, 3) }));
    expect(result).toMatchObject({ kind: "searched", distances: Float64Array.of(0, 16) });
  });
});

describe("an owner out of step", () => {
  test("an unknown range is an error of the owner, not of its client", async () => {
    await channel.insert([row(1, 1)]);
    const { entries, range } = channel.held[0] as Held;
    const entry = entries[0] as Held["entries"][number];
    const views = [{ range: 9, rowCount: 1 }];
    const unknown = { channel: channel.name, range: 9 };
    const jobs: ComputeJob[] = [
      { kind: "appendRows", ...unknown, entry, lives: null },
      { kind: "bindLives", ...unknown, lives: range.lives },
      searchOf({ views }),
      scanOf({ views }),
      scanOf({ views, channel: "other" }),
    ];
    for (const job of jobs) await expect(host.run(job)).rejects.toThrow(/no range 9/);
    expect(await host.run({ kind: "dropRange", ...unknown })).toEqual({ kind: "done" });
    expect(await host.run({ kind: "dropChannel", channel: "other" })).toEqual({ kind: "done" });
  });

  test("an entry out of turn is refused, and the range is held no more", async () => {
    await channel.insert([row(1, 1)]);
    await channel.insert([row(2, 1)]);
    const { entries, range } = channel.held[0] as Held;
    const again = { kind: "appendRows", channel: channel.name, range: range.number } as const;
    const entry = entries[1] as Held["entries"][number];
    await expect(host.run({ ...again, entry, lives: null })).rejects.toThrow(/does not continue/);
    await expect(host.run(scanOf())).rejects.toThrow(/no range/);
  });

  test("more rows than the range has", async () => {
    await channel.insert([row(1, 1)]);
    const views = [{ range: (channel.held[0] as Held).range.number, rowCount: 2 }];
    await expect(host.run(scanOf({ views }))).rejects.toThrow(/2 rows asked of 1/);
  });

  test("rows of another schema", async () => {
    await channel.insert([row(1, 1)]);
    const { range } = channel.held[0] as Held;
    const columns = new Map([...batchOf([row(2, 2)]).columns].filter(([name]) => name !== "tag"));
    const rows = encodeRowBatch({ count: 1, columns });
    const entry = { sequence: 2, commit: 2n, rows, count: 1 };
    const job = { kind: "appendRows", channel: channel.name, range: range.number } as const;
    await expect(host.run({ ...job, entry, lives: null })).rejects.toThrow(/'tag' is missing/);
  });

  test("a range without its lives", async () => {
    await channel.insert([row(1, 1)]);
    channel.seal();
    const held = channel.held[0] as Held;
    const object = await channel.flush(held);
    const { number } = held.range;
    const load = { kind: "loadSegment", channel: channel.name, range: number, schema } as const;
    await host.run({ ...load, object, segmentId: "s" });
    await expect(host.run(searchOf())).rejects.toThrow(/no lives/);
  });
});

describe("a load", () => {
  async function sealed(): Promise<Held> {
    await channel.insert([row(3, 1), row(1, 2)]);
    channel.delete([3n]);
    await channel.insert([row(2, 3)]);
    channel.seal();
    return channel.held[0] as Held;
  }
  const loadOf = (object: ObjectReference, wanted = schema): ComputeJob => ({
    kind: "loadSegment",
    channel: channel.name,
    range: 77,
    schema: wanted,
    object,
    segmentId: "s1",
  });

  test("answers with keys and births, of dead rows too", async () => {
    const loaded = await channel.flushAndLoad(await sealed());
    expect(loaded.keys).toEqual([3n, 1n, 2n]);
    expect([...loaded.sequences]).toEqual([1, 1, 3]);
    expect([...loaded.rowNumbers]).toEqual([0, 1, 0]);
    expect([...loaded.commits]).toEqual([1000n, 1000n, 3000n]);
    expect(await host.run(scanOf())).toMatchObject({ count: 2 });
  });

  test("the digest is the fold's", async () => {
    const held = await sealed();
    const entries = { schema, entries: held.entries, shard: 0 };
    const encoded = await host.run({ kind: "encodeSegment", ...entries });
    const keyDigest = held.range.digest.toString(16).padStart(16, "0");
    expect(encoded).toMatchObject({ kind: "encoded", rowCount: 3, keyDigest });
  });

  test("a flipped bit is found by the hash, before anything is decoded", async () => {
    const object = await channel.flush(await sealed());
    const bytes = (await objects.get(object.key)) as Uint8Array;
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1;
    await objects.delete(object.key);
    await objects.put(object.key, bytes);
    const result = await host.run(loadOf(object));
    expect(result).toMatchObject({ kind: "unreadable", reason: "corrupt" });
    expect((result as { detail: string }).detail).toContain("SHA-256");
    const views = [{ range: 77, rowCount: 1 }];
    await expect(host.run(scanOf({ views }))).rejects.toThrow(/no range 77/);
  });

  test("bytes that are no segment, though their hash is right", async () => {
    const object = await putObject(objects, "c/garbage", new TextEncoder().encode("not arrow"));
    expect(await host.run(loadOf(object))).toMatchObject({ reason: "corrupt" });
  });

  test("a segment of another schema", async () => {
    const { columns } = batchOf([row(1, 1)]);
    const bytes = encodeSegment({
      sequences: Float64Array.of(1),
      rowNumbers: Uint32Array.of(0),
      commits: BigUint64Array.of(1n),
      batch: { count: 1, columns: new Map([...columns].filter(([name]) => name !== "id")) },
    });
    const object = await putObject(objects, "c/other", bytes);
    const result = await host.run(loadOf(object));
    expect(result).toMatchObject({ reason: "corrupt", detail: expect.stringContaining("'id'") });
  });

  test("a missing object, and a store that is away", async () => {
    const object = { key: "c/none", sha256: "0".repeat(64), bytes: 1 };
    expect(await host.run(loadOf(object))).toMatchObject({ reason: "missing" });
    const away: ObjectStore = {
      ...objects,
      get: () => Promise.reject(new UnavailableError("get", new Error("down"))),
    };
    host = createSegmentHost({ objects: away, engine: hnswEngine });
    const result = await host.run(loadOf(object));
    expect(result).toEqual({ kind: "unreadable", reason: "unavailable", detail: "get: down" });
  });

  test.each<[string, (number: number) => ComputeJob]>([
    ["its range is dropped", (range) => ({ kind: "dropRange", channel: "c-0", range })],
    ["its channel is dropped", () => ({ kind: "dropChannel", channel: "c-0" })],
  ])("is void when %s meanwhile", async (_, drop) => {
    const object = await channel.flush(await sealed());
    const loading = host.run(loadOf(object));
    await host.run(drop(77));
    await expect(loading).rejects.toThrow(/no range 77/);
    const views = [{ range: 77, rowCount: 1 }];
    await expect(host.run(scanOf({ views }))).rejects.toThrow(/no range 77/);
  });

  test("of many megabytes comes in whole", async () => {
    const wide = { ...schema, fields: [...schema.fields] };
    wide.fields[1] = { ...(wide.fields[1] as (typeof wide.fields)[number]), dimension: 1_000 };
    const count = 2_500;
    const values = Float32Array.from({ length: count * 1_000 }, (_, at) => at % 977);
    const rows = Array.from({ length: count }, (_, id) => row(id, 0));
    const columns = new Map(batchOf(rows).columns);
    columns.set("v", { type: "FloatVector", dimension: 1_000, values });
    const bytes = encodeSegment({
      sequences: Float64Array.from(rows, (_, place) => place + 1),
      rowNumbers: new Uint32Array(count),
      commits: BigUint64Array.from(rows, (_, place) => BigInt(place)),
      batch: { count, columns },
    });
    const object = await putObject(objects, "c/wide", bytes);
    await host.run(loadOf(object, wide));
    const born = Float64Array.from(rows, (_, place) => place + 1);
    const died = new Float64Array(count).fill(Number.POSITIVE_INFINITY);
    const lives = { born, died };
    await host.run({ kind: "bindLives", channel: channel.name, range: 77, lives });
    for (const at of [0, 1_047, 1_048, 1_049, count - 1]) {
      const query = values.slice(at * 1_000, (at + 1) * 1_000);
      const vectors = new Uint8Array(query.buffer);
      const views = [{ range: 77, rowCount: count }];
      const job = { views, at: count, vectors, dimension: 1_000, limit: 1, filter: `id == ${at}` };
      const found = await host.run(searchOf(job));
      expect(found).toMatchObject({ counts: [1], distances: Float64Array.of(0) });
    }
  });
});

test("a delete at any point of a hand-over is seen in both holders, and not before its place", async () => {
  const points = ["before", "encoded", "loaded", "bound", "after"] as const;
  for (const [turn, point] of [...points, ...points].entries()) {
    const first = turn * 10;
    await channel.insert([row(first, 1), row(first + 1, 2), row(first + 2, 3)]);
    channel.seal();
    const held = channel.held.at(-1) as Held;
    const { number, lives, count } = held.range;
    const loadedRange = 1_000 + number;
    const before = channel.sequence;
    const reach = (here: (typeof points)[number]) => {
      if (here === point) channel.delete([BigInt(first + 1)]);
    };
    reach("before");
    const object = await channel.flush(held);
    reach("encoded");
    const place = { channel: channel.name, range: loadedRange };
    await host.run({ kind: "loadSegment", ...place, schema, object, segmentId: "s" });
    reach("loaded");
    await host.run({ kind: "bindLives", ...place, lives });
    reach("bound");
    reach("after");
    for (const range of [number, loadedRange]) {
      const views = [{ range, rowCount: count }];
      expect(await host.run(scanOf({ views })), point).toMatchObject({ count: 2 });
      expect(await host.run(scanOf({ views, at: before })), point).toMatchObject({ count: 3 });
    }
  }
});

test("a search of many queries goes on over ranges that are dropped meanwhile", async () => {
  const rows = Array.from({ length: 2_000 }, (_, id) => row(id, id));
  await channel.insert(rows);
  const count = 4_000;
  const vectors = new Uint8Array(new Float32Array(count * dimension).buffer);
  const searching = host.run(searchOf({ vectors, count, limit: 1 }));
  let isDone = false;
  const finished = searching.then((result: ComputeResult) => {
    isDone = true;
    return result;
  });
  await new Promise((resolve) => setImmediate(resolve));
  await host.run({ kind: "dropChannel", channel: channel.name });
  expect(isDone).toBe(false);
  expect(await finished).toMatchObject({ kind: "searched", distances: new Float64Array(count) });
});
