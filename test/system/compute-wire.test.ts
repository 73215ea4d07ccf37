// Jobs and results on their way to a thread and back: whole, and without what belongs to others.
import { expect, test } from "vitest";
import { allocateLives } from "../../src/log/row-table.js";
import type { Key } from "../../src/rows/schema.js";
import type { ComputeJob } from "../../src/system/compute.js";
import {
  packJob,
  packValue,
  spentBy,
  type ThreadValue,
  unpackValue,
} from "../../src/system/compute-wire.js";
import { createSpentBuffers } from "../../src/system/spent-buffers.js";
import { everyColumn } from "../rows/batches.js";

const never = Number.POSITIVE_INFINITY;

/** As the port does it: what is transferred is gone on this side. */
function crossed<Value>({ value, transfers }: { value: Value; transfers: ArrayBuffer[] }): Value {
  return structuredClone(value, { transfer: transfers });
}

const crossedValue = (value: ThreadValue): ThreadValue => unpackValue(crossed(packValue(value)));

test("a job takes copies of its bytes alone, not the buffers that they lie in", () => {
  const network = new Uint8Array(1_000_000).fill(7);
  const rows = network.subarray(10, 14);
  const entry = { sequence: 1, commit: 1n, rows, count: 1 };
  const job: ComputeJob = { kind: "appendRows", channel: "c", range: 1, entry, lives: null };
  const packed = packJob(job, createSpentBuffers());
  expect(packed.transfers).toHaveLength(1);
  expect(packed.transfers[0]?.byteLength).toBeLessThan(network.byteLength);
  const there = crossed(packed);
  expect(there).toEqual(job);
  expect(spentBy(there)?.byteLength).toBeGreaterThan(4);
  expect(network.byteLength).toBe(1_000_000);
});

test("the lives of rows must be shared", () => {
  const shared = allocateLives(1);
  const job = { kind: "bindLives", channel: "c", range: 1 } as const;
  const packed = packJob({ ...job, lives: shared }, createSpentBuffers());
  expect(packed.value).toMatchObject(job);
  const lives = { ...shared, died: Float64Array.of(never) };
  expect(() => packJob({ ...job, lives }, createSpentBuffers())).toThrow(/shared/);
});

test.each<[string, Key[]]>([
  ["integers", [5n, -(2n ** 63n)]],
  ["strings", ["a", "鳶"]],
  ["none", []],
])("a loaded segment with keys that are %s", (_, keys) => {
  const loaded: ThreadValue = {
    kind: "segmentLoaded",
    keys,
    sequences: Float64Array.from(keys, (_key, row) => row),
    rowNumbers: Uint32Array.from(keys, () => 0),
    commits: BigUint64Array.from(keys, () => 9n),
    bytes: 3,
  };
  const copy = structuredClone(loaded);
  expect(crossedValue(loaded)).toEqual(copy);
});

test("results move; parts of larger buffers and of pools are copied", () => {
  const pooled = Buffer.from("rows");
  const distances = new Float64Array(8).subarray(2, 3);
  const value: ThreadValue = { kind: "searched", counts: [1], distances, rows: pooled };
  expect(crossedValue(value)).toEqual({
    kind: "searched",
    counts: [1],
    distances: Float64Array.of(0),
    rows: new Uint8Array(pooled),
  });
  expect(pooled.buffer.byteLength).toBeGreaterThan(0);
  const bytes = new Uint8Array(16);
  const whole = { kind: "encoded", bytes, sha256: "", rowCount: 1, keyDigest: "" } as const;
  expect(crossedValue(whole)).toMatchObject({ bytes: new Uint8Array(16) });
  expect(bytes.byteLength).toBe(0);
});

test("a part of a read crosses with its columns", () => {
  const part = () => ({
    counts: [2, 5],
    distances: new Float64Array(7),
    births: new Float64Array(7),
    rows: everyColumn(7),
  });
  expect(crossedValue(part())).toEqual({ ...part(), rows: everyColumn(7) });
  expect(crossedValue({ count: 7, rows: everyColumn(7) })).toEqual({
    count: 7,
    rows: everyColumn(7),
  });
  expect(crossedValue({ count: 3, rows: null })).toEqual({ count: 3, rows: null });
  expect(crossedValue({ kind: "invalid", message: "m" })).toEqual({
    kind: "invalid",
    message: "m",
  });
});
