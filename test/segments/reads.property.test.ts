// Searches and scans over any layout of ranges and hosts, against looking at each row by itself.
import { expect, test } from "vitest";
import { decodeRowBatch } from "../../src/rows/row-batch-codec.js";
import { hnswEngine } from "../../src/segments/index-engine.js";
import {
  mergeScanParts,
  mergeSearchParts,
  scannedResult,
  searchedResult,
} from "../../src/segments/merge-parts.js";
import type { ScanPart } from "../../src/segments/scan-ranges.js";
import type { SearchPart } from "../../src/segments/search-ranges.js";
import { createSegmentHost } from "../../src/segments/segment-host.js";
import { memoryObjectStore } from "../../src/storage/object-store-memory.js";
import type { ComputeJob, ComputeResult } from "../../src/system/compute.js";
import { createRandom } from "../index/random-vectors.js";
import { dimension, rowsOf, TestChannel, type TestRow, type Version } from "./test-channel.js";

type SearchJob = Extract<ComputeJob, { kind: "search" }>;
type ScanJob = Extract<ComputeJob, { kind: "scan" }>;

interface Schedule {
  readonly channel: TestChannel;
  readonly random: () => number;
  readonly upTo: (count: number) => number;
  /** The same job by one host that holds everything, and by two that share the ranges. */
  readonly read: (job: SearchJob | ScanJob) => Promise<readonly [ComputeResult, ComputeResult]>;
}

function createSchedule(seed: number): Schedule {
  const random = createRandom(seed);
  const upTo = (count: number) => Math.floor(random() * count);
  const objects = memoryObjectStore();
  const [whole, left, right] = [0, 1, 2].map(() =>
    createSegmentHost({ objects, engine: hnswEngine }),
  ) as [ReturnType<typeof createSegmentHost>, ...ReturnType<typeof createSegmentHost>[]];
  const halves = [left, right] as [typeof whole, typeof whole];
  const half = (range: number) => halves[range % 2] as typeof whole;
  const run = async (job: ComputeJob) => {
    if ("range" in job) await half(job.range).run(job);
    return whole.run(job);
  };
  const channel = new TestChannel(run, objects);
  return {
    channel,
    random,
    upTo,
    read: async (job) => {
      const parts = await Promise.all(
        halves.map((host, side) =>
          host.runPart({ ...job, views: job.views.filter(({ range }) => range % 2 === side) }),
        ),
      );
      const together =
        job.kind === "search"
          ? searchedResult(mergeSearchParts(parts as SearchPart[], job.limit))
          : scannedResult(mergeScanParts(parts as ScanPart[], "id", job.limit));
      return [await whole.run(job), together];
    },
  };
}

function randomRow({ upTo, random }: Schedule): TestRow {
  // Few values, so that many rows are equally near and have equal tags.
  const v = random() < 0.1 ? null : Array.from({ length: dimension }, () => upTo(3));
  const n = random() < 0.2 ? null : upTo(10);
  const meta = random() < 0.5 ? null : { colour: ["red", "blue"][upTo(2)] };
  return { id: BigInt(upTo(40)) - 20n, v, tag: `t${upTo(3)}`, n, meta };
}

async function playChannel(schedule: Schedule): Promise<void> {
  const { channel, random, upTo } = schedule;
  for (let step = 8 + upTo(25); step > 0; step -= 1) {
    const choice = random();
    if (choice < 0.55) {
      await channel.insert(Array.from({ length: 1 + upTo(6) }, () => randomRow(schedule)));
    } else if (choice < 0.75) channel.delete([BigInt(upTo(40)) - 20n, BigInt(upTo(40)) - 20n]);
    else if (choice < 0.9) channel.seal();
    else {
      const closed = channel.held.filter(({ range, isLoaded }) => range.through && !isLoaded);
      if (closed[0] !== undefined) await channel.flushAndLoad(closed[0]);
    }
  }
}

const filters: readonly (readonly [string | null, (row: TestRow) => boolean])[] = [
  [null, () => true],
  ["n >= 5", ({ n }) => n !== null && n >= 5],
  ["tag in ['t0', 't2'] and id < 5", ({ tag, id }) => tag !== "t1" && id < 5n],
  ["colour == 'red'", ({ meta }) => (meta as { colour?: string } | null)?.colour === "red"],
  ["n is null", ({ n }) => n === null],
  ["id > 1000", () => false],
];

function asRecord({ row }: Version, fields: readonly string[]): Record<string, unknown> {
  const all: Record<string, unknown> = { ...row, $meta: row.meta };
  return Object.fromEntries(fields.map((field) => [field, all[field] ?? null]));
}

function rowsIn(bytes: Uint8Array | null): Record<string, unknown>[] {
  if (bytes === null) return [];
  const decoded = decodeRowBatch(bytes);
  if (!decoded.ok) throw new Error(decoded.reason);
  return rowsOf(decoded.batch);
}

const schedules = Array.from({ length: 25 }, (_, seed) => seed);

test("a search finds the nearest visible rows, however they are laid out", async () => {
  for (const seed of schedules) {
    const schedule = createSchedule(seed);
    await playChannel(schedule);
    for (let reads = 0; reads < 4; reads += 1) await checkSearch(schedule, `schedule ${seed}`);
  }
});

async function checkSearch(schedule: Schedule, label: string): Promise<void> {
  const { channel, upTo } = schedule;
  const [filter, passes] = filters[upTo(filters.length)] as (typeof filters)[number];
  const at = upTo(channel.sequence + 2);
  const limit = 1 + upTo(12);
  const queries = Array.from({ length: 1 + upTo(3) }, () =>
    Array.from({ length: dimension }, () => upTo(3)),
  );
  const results = await schedule.read({
    kind: "search",
    channel: channel.name,
    views: channel.views,
    at,
    field: "v",
    metric: "L2",
    dimension,
    vectors: new Uint8Array(Float32Array.from(queries.flat()).buffer),
    count: queries.length,
    limit,
    ef: 16,
    exact: true,
    filter,
    outputFields: ["*", "v"],
  });
  const expected = queries.map((query) => {
    const distanceTo = ({ row }: Version) =>
      (row.v as number[]).reduce((sum, value, i) => sum + (value - (query[i] as number)) ** 2, 0);
    return channel
      .visibleAt(at)
      .filter(({ row }) => row.v !== null && passes(row))
      .map((version) => ({ version, distance: distanceTo(version) }))
      .sort((a, b) => a.distance - b.distance)
      .slice(0, limit);
  });
  for (const result of results) {
    if (result.kind !== "searched") throw new Error(`${label}: ${JSON.stringify(result)}`);
    expect(result.counts, label).toEqual(expected.map((hits) => hits.length));
    expect([...result.distances], label).toEqual(expected.flat().map((hit) => hit.distance));
    const fields = ["id", "v", "tag", "n", "$meta"];
    const rows = expected.flat().map(({ version }) => asRecord(version, fields));
    expect(rowsIn(result.rows), label).toEqual(rows);
  }
}

test("a scan finds all visible rows, by ascending key", async () => {
  for (const seed of schedules) {
    const schedule = createSchedule(seed + 1_000);
    await playChannel(schedule);
    for (let reads = 0; reads < 4; reads += 1) await checkScan(schedule, `schedule ${seed}`);
  }
});

async function checkScan(schedule: Schedule, label: string): Promise<void> {
  const { channel, upTo, random } = schedule;
  const [filter, passes] = filters[upTo(filters.length)] as (typeof filters)[number];
  const at = upTo(channel.sequence + 2);
  const limit = random() < 0.4 ? null : upTo(8);
  const ids = random() < 0.5 ? null : Array.from({ length: upTo(9) }, () => BigInt(upTo(44)) - 22n);
  const mode = (["rows", "keys", "count"] as const)[upTo(3)] as "rows" | "keys" | "count";
  const results = await schedule.read({
    kind: "scan",
    channel: channel.name,
    views: channel.views,
    at,
    ids,
    filter,
    limit,
    mode,
    outputFields: ["n", "tag"],
  });
  const matching = channel
    .visibleAt(at)
    .filter(({ row }) => passes(row) && (ids === null || ids.includes(row.id)))
    .sort((a, b) => (a.row.id < b.row.id ? -1 : 1));
  const cut = matching.slice(0, limit ?? matching.length);
  const fields = mode === "keys" ? ["id"] : ["id", "tag", "n"];
  const rows = mode === "count" ? [] : cut.map((version) => asRecord(version, fields));
  for (const result of results) {
    if (result.kind !== "scanned") throw new Error(`${label}: ${JSON.stringify(result)}`);
    expect(result.count, label).toBe(mode === "count" ? matching.length : cut.length);
    expect(rowsIn(result.rows), label).toEqual(rows);
  }
}
