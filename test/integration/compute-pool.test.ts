// The worker threads for real: ranges in several threads, crashes, overload; against one host.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { allocateLives } from "../../src/log/row-table.js";
import { BuildIndex, CompactSegments } from "../../src/messages/task.js";
import { hnswEngine } from "../../src/segments/index-engine.js";
import { createSegmentHost, type SegmentHost } from "../../src/segments/segment-host.js";
import type { ObjectStore } from "../../src/storage/object-store.js";
import { openFileObjectStore } from "../../src/storage/object-store-file.js";
import type { ComputeJob, ComputeResult } from "../../src/system/compute.js";
import type { ComputePool, ComputePoolOptions } from "../../src/system/compute-pool.js";
import type { JobMessage } from "../../src/system/compute-wire.js";
import { createRandom } from "../index/random-vectors.js";
import {
  dimension,
  type Held,
  putObject,
  schema,
  TestChannel,
  type TestRow,
} from "../segments/test-channel.js";

/** Threads run compiled code only. */
const compiled = new URL("../../dist/src/system/compute-pool.js", import.meta.url).href;
type PoolModule = typeof import("../../src/system/compute-pool.js");
type SearchJob = Extract<ComputeJob, { kind: "search" }>;
type ScanJob = Extract<ComputeJob, { kind: "scan" }>;

let createComputePool: PoolModule["createComputePool"];
let root: string;
let objects: ObjectStore;
let pool: ComputePool;
/** One host that does all jobs too: what the threads answer must be what it answers. */
let twin: SegmentHost;
let channel: TestChannel;
const crashes: (readonly [number, readonly string[]])[] = [];
/** Which thread each range was opened in, so that a test can end it. */
const threadOf = new Map<number, Worker>();
let threadsStarted = new Set<Worker>();

beforeAll(async () => {
  ({ createComputePool } = (await import(/* @vite-ignore */ compiled)) as PoolModule);
  root = await mkdtemp(join(tmpdir(), "elanus-pool-"));
  objects = await openFileObjectStore(root);
  const { postMessage } = Worker.prototype;
  vi.spyOn(Worker.prototype, "postMessage").mockImplementation(function (
    this: Worker,
    message: JobMessage,
    ...rest
  ) {
    threadsStarted.add(this);
    if (message.job.kind === "openRange") threadOf.set(message.job.range, this);
    return postMessage.call(this, message, ...rest);
  });
});

afterAll(async () => {
  vi.restoreAllMocks();
  await rm(root, { recursive: true });
});

function open(options: Partial<ComputePoolOptions> = {}): ComputePool {
  return createComputePool({
    threads: 2,
    objectStore: { kind: "file", root },
    onCrash: (thread, channels) => crashes.push([thread, channels]),
    ...options,
  });
}

beforeEach(() => {
  crashes.length = 0;
  threadsStarted = new Set();
  pool = open();
  twin = createSegmentHost({ objects, engine: hnswEngine });
  channel = new TestChannel(both, objects);
});

afterEach(() => pool.close());

async function both(job: ComputeJob): Promise<ComputeResult> {
  await twin.run(job);
  return pool.run(job);
}

function rowsAt(first: number, count: number): TestRow[] {
  const random = createRandom(first + 1);
  return Array.from({ length: count }, (_, row) => ({
    id: BigInt(first + row),
    v: Array.from({ length: dimension }, () => Math.floor(random() * 4)),
    tag: `t${row % 3}`,
    n: row % 5 === 0 ? null : row,
    meta: row % 2 === 0 ? { row } : null,
  }));
}

/** Four ranges, two a thread, with rows that died. */
async function fill(): Promise<void> {
  for (let range = 0; range < 4; range += 1) {
    await channel.insert(rowsAt(range * 80, 100));
    await channel.insert(rowsAt(range * 80 + 40, 30));
    channel.delete([BigInt(range * 80 + 3)]);
    channel.seal();
  }
}

function searchJob(overrides: Partial<SearchJob> = {}): SearchJob {
  const vectors = new Uint8Array(Float32Array.from([0, 1, 2, 3, 3, 3, 0, 0]).buffer);
  return {
    kind: "search",
    channel: channel.name,
    views: channel.views,
    at: channel.sequence,
    field: "v",
    metric: "L2",
    dimension,
    vectors,
    count: 2,
    limit: 25,
    ef: 32,
    exact: false,
    filter: null,
    outputFields: ["*", "v"],
    ...overrides,
  };
}

function scanJob(overrides: Partial<ScanJob> = {}): ScanJob {
  return {
    kind: "scan",
    channel: channel.name,
    views: channel.views,
    at: channel.sequence,
    ids: null,
    filter: null,
    limit: null,
    mode: "rows",
    outputFields: ["*"],
    ...overrides,
  };
}

test("threads that share the ranges answer as one host that has them all", async () => {
  await fill();
  const jobs: ComputeJob[] = [
    searchJob(),
    searchJob({ filter: "n > 20", limit: 5 }),
    searchJob({ at: 3, outputFields: [] }),
    searchJob({ filter: "n > 1000" }),
    searchJob({ filter: "n >" }),
    searchJob({ views: [] }),
    scanJob(),
    scanJob({ ids: [3n, 41n, 200n, 9_999n], limit: 2 }),
    scanJob({ mode: "count", filter: "tag == 't1'" }),
    scanJob({ mode: "keys", limit: 17, at: 7 }),
    scanJob({ filter: "id < 0" }),
    scanJob({ views: [] }),
  ];
  for (const job of jobs) expect(await pool.run(job)).toEqual(await twin.run(job));
  expect(new Set(threadOf.values()).size).toBe(2);
});

test("a read sees what was given before it, though nothing was awaited", async () => {
  const running = Array.from({ length: 50 }, (_, turn) => channel.insert(rowsAt(turn * 100, 100)));
  await Promise.all(running.slice(0, 1));
  expect(await pool.run(scanJob({ mode: "count" }))).toMatchObject({ count: 5_000 });
  await Promise.all(running);
});

test("segments and indexes are made, loaded and merged in threads", async () => {
  await fill();
  const held = channel.held as Held[];
  for (const each of held) await channel.flushAndLoad(each);
  expect(await pool.run(searchJob())).toEqual(await twin.run(searchJob()));

  const { range } = held[0] as Held;
  const segment = await channel.flush(held[0] as Held);
  const bytes = (await objects.get(segment.key)) as Uint8Array;
  const task = BuildIndex.create({
    channel: channel.name,
    collectionId: "c",
    segmentId: "s1",
    rowCount: range.count,
    field: "v",
    dimension,
    metric: "L2",
    parameters: { M: 8, efConstruction: 60 },
    segment,
  });
  const built = await pool.run({ kind: "buildIndex", task, bytes });
  if (built.kind !== "indexBuilt") throw new Error(built.kind);
  expect(bytes.byteLength).toBe(segment.bytes);
  const object = await putObject(objects, `c/indexes/${built.sha256}`, built.bytes);
  const place = { channel: channel.name, range: range.number, field: "v" };
  const shape = { metric: "L2", dimension, rowCount: range.count } as const;
  const attached = await both({ kind: "attachIndex", ...place, ...shape, object });
  expect(attached).toEqual({ kind: "done" });
  expect(await pool.run(searchJob())).toEqual(await twin.run(searchJob()));

  const inputs = [{ segmentId: "s1", from: 0, through: 3, object: segment }];
  const names = { channel: channel.name, collectionId: "c", keyField: "id", epoch: 1 };
  const rest = { appliedThrough: channel.sequence, laterSegments: [], tombstones: [] };
  const compaction = CompactSegments.create({ ...names, inputs, ...rest });
  const compacted = await both({ kind: "compact", task: compaction });
  expect(compacted).toMatchObject({ kind: "compacted", rowCount: 100 });
});

test("a search does not wait for an index that is being built", async () => {
  await channel.insert(rowsAt(0, 6_000));
  const segment = await channel.flush(channel.held[0] as Held);
  const bytes = (await objects.get(segment.key)) as Uint8Array;
  const task = BuildIndex.create({
    channel: channel.name,
    collectionId: "c",
    segmentId: "s1",
    rowCount: 6_000,
    field: "v",
    dimension,
    metric: "L2",
    parameters: { M: 48, efConstruction: 1_000 },
    segment,
  });
  const order: string[] = [];
  const building = pool.run({ kind: "buildIndex", task, bytes }).then(() => order.push("built"));
  const flushing = channel.flush(channel.held[0] as Held).then(() => order.push("flushed"));
  const searching = pool.run(searchJob()).then(() => order.push("searched"));
  await Promise.all([building, flushing, searching]);
  expect(order.at(-1)).toBe("built");
});

describe("a thread that crashes", () => {
  test("rejects what waits for it, and says which channels it held", async () => {
    await fill();
    const [first] = channel.views;
    const other = new TestChannel((job) => pool.run(job), objects);
    const gone = threadOf.get(first?.range ?? 0) as Worker;
    const count = 50_000;
    const vectors = new Uint8Array(count * dimension * 4);
    const waiting = pool.run(searchJob({ vectors, count, limit: 1 }));
    const rejected = expect(waiting).rejects.toThrow(/crashed/);
    await gone.terminate();
    await rejected;
    expect(crashes).toEqual([[expect.any(Number), [channel.name]]]);

    // The rest of the channel is of no use by itself: its owner starts over.
    for (const view of channel.views) {
      await expect(pool.run(scanJob({ views: [view] }))).rejects.toThrow(/no range/);
    }
    await other.insert(rowsAt(0, 10));
    const { views, sequence: at } = other;
    expect(await pool.run(scanJob({ views, at, mode: "count" }))).toMatchObject({ count: 10 });
  });

  test("leaves the channels of other threads alone", async () => {
    const [a, b] = ["a-0", "b-0"] as const;
    const lives = allocateLives(1);
    lives.born[0] = 1;
    for (const [number, name] of [a, b].entries()) {
      const range = number + 1;
      await pool.run({ kind: "openRange", channel: name, range, shard: 0, schema, lives });
    }
    await threadOf.get(1)?.terminate();
    await vi.waitUntil(() => crashes.length === 1);
    expect(crashes[0]?.[1]).toEqual([a]);
    const views = [{ range: 2, rowCount: 0 }];
    expect(await pool.run(scanJob({ channel: b, views }))).toMatchObject({ count: 0 });
  });

  test("as soon as it starts is started again, but not without end", async () => {
    const file = join(root, "file");
    await writeFile(file, "");
    const broken = open({ threads: 1, objectStore: { kind: "file", root: join(file, "store") } });
    const lives = allocateLives(0);
    const job = { kind: "openRange", channel: "c", range: 1, shard: 0, schema, lives } as const;
    const details: string[] = [];
    for (let attempt = 0; attempt < 20; attempt += 1) {
      await broken.run(job).catch((error: Error) => details.push(error.message));
    }
    await broken.close();
    expect(details.length).toBe(20);
    expect(details[0]).toMatch(/crashed: .*ENOTDIR|crashed: .*EEXIST/);
    expect(details.at(-1)).toMatch(/starts again soon/);
    expect(threadsStarted.size).toBeLessThan(5);
  });
});
