// Segments written: automatic ids, entries set aside, and compaction from object to object.
import { beforeEach, describe, expect, test } from "vitest";
import { CompactSegments } from "../../src/messages/task.js";
import { autoId } from "../../src/rows/auto-id.js";
import type { RowBatch } from "../../src/rows/columns.js";
import { decodeRowBatch, encodeRowBatch } from "../../src/rows/row-batch-codec.js";
import type { CollectionSchema } from "../../src/rows/schema.js";
import { hnswEngine } from "../../src/segments/index-engine.js";
import { createSegmentHost, type SegmentHost } from "../../src/segments/segment-host.js";
import { addToDigest, digestText, emptyDigest } from "../../src/storage/key-digest.js";
import type { ObjectStore } from "../../src/storage/object-store.js";
import { memoryObjectStore } from "../../src/storage/object-store-memory.js";
import { decodeSegment, type SegmentData } from "../../src/storage/segment-file.js";
import { encodeTombstones } from "../../src/storage/tombstones-file.js";
import type { ComputeJob, ComputeResult, GrowingEntry } from "../../src/system/compute.js";
import { batchOf, putObject, rowsOf, schema, type TestRow } from "./test-channel.js";

let objects: ObjectStore;
let host: SegmentHost;

beforeEach(() => {
  objects = memoryObjectStore();
  host = createSegmentHost({ objects, engine: hnswEngine });
});

const row = (id: number, tag = "t"): TestRow => ({
  id: BigInt(id),
  v: [id, 0, 0, 0],
  tag,
  n: null,
  meta: id % 2 === 0 ? { id } : null,
});

function entryOf(sequence: number, rows: readonly TestRow[]): GrowingEntry {
  const bytes = encodeRowBatch(batchOf(rows));
  return { sequence, commit: BigInt(sequence), rows: bytes, count: rows.length };
}

async function encode(entries: readonly GrowingEntry[]) {
  const result = await host.run({ kind: "encodeSegment", shard: 0, schema, entries });
  if (result.kind !== "encoded") throw new Error(result.kind);
  return result;
}

function decode(bytes: Uint8Array): SegmentData {
  const decoded = decodeSegment(bytes);
  if (!decoded.ok) throw new Error(decoded.reason);
  return decoded.segment;
}

test("a segment holds the rows of its entries in log order", async () => {
  const { bytes, rowCount } = await encode([entryOf(4, [row(2), row(1)]), entryOf(7, [row(3)])]);
  const segment = decode(bytes);
  expect(rowCount).toBe(3);
  expect([...segment.sequences]).toEqual([4, 4, 7]);
  expect([...segment.rowNumbers]).toEqual([0, 1, 0]);
  expect([...segment.commits]).toEqual([4n, 4n, 7n]);
  expect(rowsOf(segment.batch).map(({ id, $meta }) => [id, $meta])).toEqual([
    [2n, { id: 2 }],
    [1n, null],
    [3n, null],
  ]);
});

test("entries that nobody can read are passed over, and columns that nobody declared", async () => {
  const lacking: RowBatch = { count: 1, columns: new Map([["id", idColumn(9)]]) };
  const columns = new Map([...batchOf([row(5)]).columns, ["stray", idColumn(1)] as const]);
  const entries = [
    { sequence: 1, commit: 1n, rows: new Uint8Array([9, 9, 9]), count: 1 },
    { sequence: 2, commit: 2n, rows: encodeRowBatch(lacking), count: 1 },
    { sequence: 3, commit: 3n, rows: encodeRowBatch({ count: 1, columns }), count: 1 },
  ];
  const { batch, sequences } = decode((await encode(entries)).bytes);
  expect([...sequences]).toEqual([3]);
  expect([...batch.columns.keys()]).toEqual(["id", "v", "tag", "n"]);
  expect((await encode(entries.slice(0, 2))).rowCount).toBe(0);
});

function idColumn(id: number) {
  return { type: "Int64", values: BigInt64Array.of(BigInt(id)) } as const;
}

describe("automatic ids", () => {
  const automatic: CollectionSchema = {
    ...schema,
    fields: schema.fields.map((field) => ({ ...field, autoId: field.primaryKey })),
  };
  const withoutKeys = (sequence: number, count: number): GrowingEntry => {
    const { columns } = batchOf(Array.from({ length: count }, (_, id) => row(id)));
    const rest = new Map([...columns].filter(([name]) => name !== "id"));
    const rows = encodeRowBatch({ count, columns: rest });
    return { sequence, commit: 1n, rows, count };
  };
  const entries = [withoutKeys(8, 2), withoutKeys(11, 1)];
  const keys = [autoId(3, 8, 0), autoId(3, 8, 1), autoId(3, 11, 0)];

  test("are the same in the segment", async () => {
    const job = { kind: "encodeSegment", shard: 3, schema: automatic, entries } as const;
    const encoded = (await host.run(job)) as Extract<ComputeResult, { kind: "encoded" }>;
    const { batch } = decode(encoded.bytes);
    expect([...(batch.columns.get("id")?.values ?? [])]).toEqual(keys);
  });

  test("and in the growing range", async () => {
    const place = { channel: "c-3", range: 1 };
    const lives = {
      born: Float64Array.of(8, 8, 11),
      died: new Float64Array(3).fill(Number.POSITIVE_INFINITY),
    };
    await host.run({ kind: "openRange", ...place, shard: 3, schema: automatic, lives });
    for (const entry of entries) {
      await host.run({ kind: "appendRows", ...place, entry, lives: null });
    }
    const views = [{ range: 1, rowCount: 3 }];
    const what = { at: 11, ids: null, filter: null, limit: null, outputFields: [] };
    const job: ComputeJob = { kind: "scan", channel: "c-3", views, ...what, mode: "keys" };
    const scanned = (await host.run(job)) as Extract<ComputeResult, { kind: "scanned" }>;
    const decoded = decodeRowBatch(scanned.rows as Uint8Array);
    if (!decoded.ok) throw new Error(decoded.reason);
    expect(rowsOf(decoded.batch)).toEqual(keys.map((id) => ({ id })));
  });
});

describe("compaction", () => {
  async function segmentOf(from: number, through: number, entries: readonly GrowingEntry[]) {
    const { bytes, sha256 } = await encode(entries);
    const object = await putObject(objects, `c/segments/${sha256}`, bytes);
    return { segmentId: `s${through}`, from, through, object };
  }

  async function taskOf(appliedThrough: number, overrides = {}) {
    const bytes = encodeTombstones([
      { key: 3n, sequence: 6, bornThrough: 6, commit: 6n },
      { key: 4n, sequence: 6, bornThrough: 2, commit: 6n },
    ]);
    const tombstones = [await putObject(objects, "c/tombstones/1", bytes)];
    return CompactSegments.create({
      channel: "c-0",
      collectionId: "c",
      epoch: 1,
      keyField: "id",
      appliedThrough,
      inputs: [
        await segmentOf(2, 4, [entryOf(3, [row(4, "kept"), row(1, "second")])]),
        await segmentOf(0, 2, [entryOf(1, [row(1, "first"), row(2)]), entryOf(2, [row(3)])]),
      ],
      laterSegments: [await segmentOf(4, 8, [entryOf(8, [row(2, "newer")])])],
      tombstones,
      ...overrides,
    });
  }

  async function compact(task: Awaited<ReturnType<typeof taskOf>>) {
    const result = await host.run({ kind: "compact", task });
    if (result.kind !== "compacted") throw new Error(JSON.stringify(result));
    return result;
  }

  test.each([
    [0, ["1 first", "2 t", "3 t", "4 kept", "1 second"]],
    [3, ["2 t", "3 t", "4 kept", "1 second"]],
    [6, ["2 t", "4 kept", "1 second"]],
    [8, ["4 kept", "1 second"]],
  ])("through %d leaves the rows that live on", async (appliedThrough, expected) => {
    const { bytes, rowCount, keyDigest } = await compact(await taskOf(appliedThrough));
    const { batch, sequences, rowNumbers, commits } = decode(bytes as Uint8Array);
    const rows = rowsOf(batch);
    expect(rows.map(({ id, tag }) => `${id} ${tag}`)).toEqual(expected);
    expect(rowCount).toBe(expected.length);
    expect([...commits].map(Number)).toEqual([...sequences]);
    const digest = rows.reduce(
      (sum, { id }, place) =>
        addToDigest(sum, id as bigint, sequences[place] as number, rowNumbers[place] as number),
      emptyDigest,
    );
    expect(keyDigest).toBe(digestText(digest));
  });

  test("twice gives the same bytes", async () => {
    const task = await taskOf(6);
    expect((await compact(task)).sha256).toBe((await compact(task)).sha256);
  });

  test("leaves no object when no row is left", async () => {
    const inputs = [await segmentOf(0, 1, [entryOf(1, [row(3)])])];
    const task = await taskOf(6, { inputs, laterSegments: [] });
    expect(await compact(task)).toMatchObject({ bytes: null, rowCount: 0 });
  });

  test.each(["inputs", "laterSegments", "tombstones"] as const)(
    "stops where one of the %s cannot be read",
    async (which) => {
      const task = await taskOf(6);
      const named = task[which].map((entry) => ("object" in entry ? entry.object : entry));
      await objects.delete(named[0]?.key ?? "");
      const result = await host.run({ kind: "compact", task });
      expect(result).toMatchObject({ kind: "unreadable", reason: "missing" });
    },
  );
});
