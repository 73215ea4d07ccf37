// What each entry of the log does to the fold, and where the fold must stop.
import { describe, expect, it } from "vitest";
import { foldEntry, startFold, UnreadableLog } from "../../src/log/channel-fold.js";
import { fromMs, next } from "../../src/log/timestamp.js";
import { RowsDeleted, RowsInserted, SegmentSealed, Ticked } from "../../src/messages/wal.js";
import { encodeRowBatch } from "../../src/rows/row-batch-codec.js";
import { fieldSchema } from "../../src/rows/schema.js";
import type { LogEntry } from "../../src/system/actor.js";

const schema = {
  fields: [
    fieldSchema.parse({ name: "id", type: "Int64", primaryKey: true }),
    fieldSchema.parse({ name: "v", type: "FloatVector", dimension: 2, metric: "L2" }),
  ],
  dynamicFields: false,
};
const appendedMs = 1_000_000;

function entry(sequence: number, kind: string, body: Uint8Array, more: Partial<LogEntry> = {}) {
  const appendedAtUs = appendedMs * 1_000;
  return {
    channel: "c",
    sequence,
    appendedAtUs,
    kind,
    version: 1,
    stamp: 0n,
    request: "r",
    body,
    ...more,
  };
}
const tick = (sequence: number, more: Partial<LogEntry> = {}) =>
  entry(sequence, "Ticked", Ticked.encode(Ticked.create({ channel: "c" })), more);
const seal = (sequence: number, through: number | null) =>
  entry(
    sequence,
    "SegmentSealed",
    SegmentSealed.encode(SegmentSealed.create({ channel: "c", through })),
  );

function rows(dimension: number): Uint8Array {
  const columns = new Map([
    ["id", { type: "Int64" as const, values: BigInt64Array.from([1n]) }],
    ["v", { type: "FloatVector" as const, dimension, values: new Float32Array(dimension) }],
  ]);
  const message = { channel: "c", rows: encodeRowBatch({ count: 1, columns }), count: 1 };
  return RowsInserted.encode(RowsInserted.create(message));
}

describe("channel fold", () => {
  it("commits at the stamp, held within a second of the broker's time, and never backwards", () => {
    const fold = startFold("c", schema, null);
    foldEntry(fold, tick(1, { stamp: fromMs(appendedMs + 3_600_000) }));
    expect(fold.commit).toBe(fromMs(appendedMs + 1_000));
    foldEntry(fold, tick(2, { stamp: fromMs(appendedMs - 3_600_000) }));
    expect(fold.commit).toBe(next(fromMs(appendedMs + 1_000)));
    foldEntry(fold, tick(3));
    expect(fold.commit).toBe(fromMs(appendedMs + 1_000) + 2n);
  });

  it("stops at a hole, at an unknown kind and at an unknown version", () => {
    const start = () => startFold("c", schema, null);
    expect(() => foldEntry(start(), tick(2))).toThrow(UnreadableLog);
    expect(() => foldEntry(start(), entry(1, "RowsTeleported", new Uint8Array()))).toThrow(
      UnreadableLog,
    );
    expect(() => foldEntry(start(), tick(1, { version: 2 }))).toThrow(UnreadableLog);
  });

  it("sets a body aside that nobody can read, with its reason, and goes on", () => {
    const fold = startFold("c", schema, null);
    expect(foldEntry(fold, entry(1, "RowsInserted", new Uint8Array([1, 2, 3]))).kind).toBe(
      "nothing",
    );
    expect(foldEntry(fold, entry(2, "RowsInserted", rows(3))).kind).toBe("nothing");
    expect(foldEntry(fold, entry(3, "RowsInserted", rows(2))).kind).toBe("rows");
    expect(fold.setAside.count).toBe(2);
    expect(fold.setAside.last).toContain("3 dimensions");
    expect(fold.position.sequence).toBe(3);
  });

  it("closes up to where a seal says, once; a late seal means nothing", () => {
    const fold = startFold("c", schema, null);
    foldEntry(fold, tick(1));
    foldEntry(fold, tick(2));
    expect(foldEntry(fold, seal(3, 1))).toEqual({ kind: "sealed", from: 0, through: 1 });
    expect(foldEntry(fold, seal(4, 1))).toEqual({ kind: "nothing" });
    expect(foldEntry(fold, seal(5, 3))).toEqual({ kind: "sealed", from: 1, through: 3 });
    expect(foldEntry(fold, seal(6, null))).toEqual({ kind: "sealed", from: 3, through: 5 });
    // What is not in the log yet cannot have been meant.
    expect(foldEntry(fold, seal(7, 9))).toEqual({ kind: "nothing" });
  });

  it("bounds a delete by filter at the position where the filter was evaluated", () => {
    const fold = startFold("c", schema, null);
    const body = (evaluatedAt: number | null) =>
      RowsDeleted.encode(RowsDeleted.create({ channel: "c", keys: [7], evaluatedAt }));
    const event = { kind: "deleted", keys: [7n] };
    expect(foldEntry(fold, entry(1, "RowsDeleted", body(null)))).toEqual({
      ...event,
      bornThrough: 1,
    });
    foldEntry(fold, tick(2));
    expect(foldEntry(fold, entry(3, "RowsDeleted", body(1)))).toEqual({ ...event, bornThrough: 1 });
    // A position that its writer cannot have seen does not reach into the future.
    expect(foldEntry(fold, entry(4, "RowsDeleted", body(99)))).toEqual({
      ...event,
      bornThrough: 4,
    });
  });
});
