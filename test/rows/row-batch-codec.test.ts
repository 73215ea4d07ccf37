// Row batches survive their bytes; no bytes whatever make the decoder throw.
import fc from "fast-check";
import { pack } from "msgpackr";
import { describe, expect, it } from "vitest";
import type { Column, RowBatch } from "../../src/rows/columns.js";
import { decodeRowBatch, encodeRowBatch, viewRowBatch } from "../../src/rows/row-batch-codec.js";
import { rawVectorsOf } from "../../src/rows/stored-vectors.js";
import { batches, everyColumn } from "./batches.js";

function decoded(bytes: Uint8Array): RowBatch {
  const result = decodeRowBatch(bytes);
  if (!result.ok) throw new Error(result.reason);
  return result.batch;
}

function reasonFor(packed: unknown): string {
  const result = decodeRowBatch(Uint8Array.from([1, ...pack(packed)]));
  return result.ok ? "none" : result.reason;
}

const batchOf = (column: Column, count = 1): RowBatch => ({
  count,
  columns: new Map([["a", column]]),
});

/** Decodes without throwing; what decodes can be encoded again, so nothing was let through. */
function survives(bytes: Uint8Array): boolean {
  const result = decodeRowBatch(bytes);
  if (result.ok) encodeRowBatch(result.batch);
  expect(viewRowBatch(bytes).ok).toBe(result.ok);
  return result.ok;
}

describe("row batch codec", () => {
  it("gives back any batch", () => {
    fc.assert(
      fc.property(batches, (batch) => {
        expect(decoded(encodeRowBatch(batch))).toEqual(batch);
      }),
      { numRuns: 300 },
    );
  });

  it("gives back every type of column, many rows, and none", () => {
    for (const count of [0, 1, 1000]) {
      const batch = everyColumn(count);
      expect(decoded(encodeRowBatch(batch))).toEqual(batch);
    }
    const empty = { count: 0, columns: new Map() };
    expect(decoded(encodeRowBatch(empty))).toEqual(empty);
  });

  it("gives the same vectors in place, as numbers and as their bytes", () => {
    const batch = everyColumn(10);
    const bytes = encodeRowBatch(batch);
    const viewed = viewRowBatch(bytes);
    if (!viewed.ok) throw new Error(viewed.reason);
    expect(encodeRowBatch(viewed.batch)).toEqual(bytes);
    for (const column of viewed.batch.columns.values()) {
      if (column.type !== "FloatVector") continue;
      const raw = rawVectorsOf(column);
      expect(raw.buffer).toBe(bytes.buffer);
      const copy = new Uint8Array(raw);
      expect(new Float32Array(copy.buffer)).toEqual(column.values);
    }
  });

  it("decodes at any alignment into memory of its own", () => {
    const batch = everyColumn(10);
    const bytes = encodeRowBatch(batch);
    for (let shift = 0; shift < 8; shift++) {
      const shifted = new Uint8Array(bytes.length + shift);
      shifted.set(bytes, shift);
      const read = decoded(shifted.subarray(shift));
      shifted.fill(0xff);
      expect(read).toEqual(batch);
    }
  });

  it("encodes a view into a larger array", () => {
    const values = Float32Array.of(9, 9, 1, 2, 3, 4, 9).subarray(2, 6);
    const batch = batchOf({ type: "FloatVector", dimension: 2, values }, 2);
    expect(decoded(encodeRowBatch(batch))).toEqual(batch);
  });

  it("stores what JSON cannot say as null, and keys that JavaScript reserves as keys", () => {
    const hostile = JSON.parse('{"__proto__": {"polluted": 1}, "constructor": 2}');
    const values = [undefined, hostile];
    const read = decoded(encodeRowBatch(batchOf({ type: "JSON", values }, 2)));
    const text = JSON.stringify(read.columns.get("a")?.values);
    expect(text).toBe(JSON.stringify([null, hostile]));
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
    const named = {
      count: 1,
      columns: new Map([["__proto__", batchOf(int8(1)).columns.get("a")]]),
    };
    expect(decoded(encodeRowBatch(named as RowBatch))).toEqual(named);
  });

  it("refuses to encode a batch that breaks its own rules", () => {
    const faulty: [string, RowBatch][] = [
      ["row count", batchOf({ type: "VarChar", values: ["a"] }, 2)],
      ["row count", batchOf({ type: "FloatVector", dimension: 2, values: Float32Array.of(1) })],
      ["no dimension", batchOf({ type: "FloatVector", dimension: 0, values: new Float32Array(0) })],
      ["no Int8", batchOf(int8(128))],
      ["no Int8", batchOf(int8(-129))],
      ["no Int16", batchOf({ type: "Int16", values: Int32Array.of(32_768) })],
      ["no Bool", batchOf({ type: "Bool", values: Uint8Array.of(2) })],
      ["validity", batchOf({ ...int8(1), valid: Uint8Array.of(2) })],
      ["validity", batchOf({ ...int8(1), valid: Uint8Array.of(1, 1) })],
      ["lone surrogate", batchOf({ type: "VarChar", values: ["\ud800"] })],
      ["rows without columns", { count: 1, columns: new Map() }],
    ];
    for (const [reason, batch] of faulty) {
      expect(() => encodeRowBatch(batch), reason).toThrow(reason);
    }
  });

  it("says what is wrong with bytes that are MessagePack but no batch", () => {
    const four = Buffer.alloc(4);
    const reasons: [string, unknown][] = [
      ["not a row batch", {}],
      ["not a row batch", [1]],
      ["no count", [-1, []]],
      ["no count", ["1", []]],
      ["no count", [2 ** 60, []]],
      ["no array", [1, {}]],
      ["rows without columns", [1e9, []]],
      ["not a column", [1, [[]]]],
      ["without a name", [1, [[1, "Int32", null, four, null]]]],
      ["validity is no bytes", [1, [["a", "Int32", "x", four, null]]]],
      ["values are no bytes", [1, [["a", "Int32", null, [1], null]]]],
      ["none of Int64", [1, [["a", "Int128", null, four, null]]]],
      ["none of Int64", [1, [["a", "constructor", null, four, null]]]],
      ["row count", [2, [["a", "Int32", null, four, null]]]],
      ["cut off", [1, [["a", "Int32", null, four.subarray(1), null]]]],
      ["two columns", [1, Array(2).fill(["a", "Int32", null, four, null])]],
      ["no dimension", [0, [["a", "FloatVector", null, Buffer.alloc(0), 0]]]],
      ["no dimension", [1, [["a", "FloatVector", null, four, 1.5]]]],
      ["no number", [1, [["a", "FloatVector", null, four, null]]]],
      ["offsets are no bytes", [1, [["a", "VarChar", null, four, 7]]]],
      ["SyntaxError", [1, [["a", "JSON", null, Buffer.from("{"), bytesOf(Int32Array.of(0, 1))]]]],
    ];
    for (const [reason, packed] of reasons) expect(reasonFor(packed)).toContain(reason);
    expect(decodeRowBatch(new Uint8Array(0))).toEqual({ ok: false, reason: expect.any(String) });
    const later = encodeRowBatch(everyColumn(2));
    later[0] = 2;
    expect(decodeRowBatch(later)).toEqual({
      ok: false,
      reason: "row batch version 2 is not known",
    });
  });

  it("refuses every truncation and every extension", () => {
    const bytes = encodeRowBatch(everyColumn(3, 2));
    for (let length = 0; length < bytes.length; length++) {
      expect(decodeRowBatch(bytes.subarray(0, length)).ok).toBe(false);
    }
    expect(decodeRowBatch(Uint8Array.from([...bytes, 0])).ok).toBe(false);
  });

  it("never throws for a flipped bit", () => {
    const bytes = encodeRowBatch(everyColumn(3, 2));
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const at = bit >> 3;
      bytes[at] = (bytes[at] as number) ^ (1 << (bit & 7));
      survives(bytes);
      bytes[at] = (bytes[at] as number) ^ (1 << (bit & 7));
    }
    expect(survives(bytes)).toBe(true);
  });

  it("never throws for random bytes, spliced batches, or nesting without end", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        survives(bytes);
        survives(Uint8Array.from([1, ...bytes]));
      }),
      { numRuns: 2000 },
    );
    const whole = encodeRowBatch(everyColumn(4, 3));
    const place = fc.nat({ max: whole.length });
    fc.assert(
      fc.property(place, place, fc.uint8Array({ maxLength: 20 }), (from, to, middle) => {
        survives(Uint8Array.from([...whole.subarray(0, from), ...middle, ...whole.subarray(to)]));
      }),
      { numRuns: 2000 },
    );
    expect(survives(Uint8Array.from([1, ...new Uint8Array(1_000_000).fill(0x91)]))).toBe(false);
    expect(survives(Uint8Array.of(1, 0xdd, 0xff, 0xff, 0xff, 0xff))).toBe(false);
  });
});

function int8(value: number): Column {
  return { type: "Int8", values: Int32Array.of(value) };
}

function bytesOf(values: Int32Array): Buffer {
  return Buffer.from(values.buffer);
}
