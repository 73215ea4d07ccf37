// Segments survive their file, damage is found, and other Arrow readers open it.
import { tableFromIPC } from "apache-arrow";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Column, RowBatch, VectorColumn } from "../../src/rows/columns.js";
import { encodeArrowFile } from "../../src/storage/arrow-file.js";
import {
  decodeSegment,
  encodeSegment,
  type SegmentData,
  segmentFormat,
} from "../../src/storage/segment-file.js";
import { encodeTombstones } from "../../src/storage/tombstones-file.js";
import { batches, everyColumn } from "../rows/batches.js";
import { flipped, resealed } from "./resealed.js";

/** Three rows an entry, with a gap between the entries. */
function segmentOf(batch: RowBatch, firstSequence = 2 ** 40): SegmentData {
  const rows = Array.from({ length: batch.count }, (_, row) => row);
  const entry = (row: number): number => Math.floor(row / 3) * 2;
  return {
    sequences: Float64Array.from(rows, (row) => firstSequence + entry(row)),
    rowNumbers: Uint32Array.from(rows, (row) => row % 3),
    commits: BigUint64Array.from(rows, (row) => 2n ** 63n + BigInt(entry(row))),
    batch,
  };
}

function decoded(bytes: Uint8Array): SegmentData {
  const result = decodeSegment(bytes);
  if (!result.ok) throw new Error(result.reason);
  return result.segment;
}

function reasonOf(bytes: Uint8Array): string {
  const result = decodeSegment(bytes);
  return result.ok ? "none" : result.reason;
}

/** A segment stores nulls, not validity that is everywhere 1. */
function withoutFullValidity(batch: RowBatch): RowBatch {
  const columns = [...batch.columns].map(([name, { valid, ...column }]): [string, Column] => {
    const hasNulls = valid?.includes(0) === true;
    return [name, hasNulls ? { ...column, valid } : column];
  });
  return { count: batch.count, columns: new Map(columns) };
}

const small = encodeSegment(segmentOf(everyColumn(4, 2)));

describe("segment file", () => {
  it("gives back any segment", () => {
    fc.assert(
      fc.property(batches, (batch) => {
        const segment = segmentOf(batch);
        const expected = { ...segment, batch: withoutFullValidity(batch) };
        expect(decoded(encodeSegment(segment))).toEqual(expected);
      }),
    );
  });

  it("gives back every type of column, with many rows, one, none and nulls alone", () => {
    for (const count of [0, 1, 7, 1000]) {
      const segment = segmentOf(withoutFullValidity(everyColumn(count)));
      expect(decoded(encodeSegment(segment))).toEqual(segment);
    }
    const valid = new Uint8Array(9);
    const columns = [...everyColumn(9).columns].map(([name, column]): [string, Column] => [
      name,
      column.type === "JSON"
        ? { ...column, values: Array(9).fill(null), valid }
        : { ...column, valid },
    ]);
    const nulls = segmentOf({ count: 9, columns: new Map(columns) });
    const read = decoded(encodeSegment(nulls)).batch.columns;
    for (const [name] of columns) expect(read.get(name)?.valid, name).toEqual(valid);
  });

  it("keeps sequences up to the largest, and a field that is named like a position", () => {
    const named: Column = { type: "VarChar", values: ["mine"] };
    const columns = new Map([...everyColumn(1).columns, ["_sequence", named] as const]);
    const batch = withoutFullValidity({ count: 1, columns });
    const segment = segmentOf(batch, Number.MAX_SAFE_INTEGER);
    expect(decoded(encodeSegment(segment))).toEqual(segment);
    const taken = segmentOf({ count: 1, columns: new Map([["$row", named]]) });
    expect(() => encodeSegment(taken)).toThrow("columns of one name");
  });

  it("reads vectors in place, and from any alignment", () => {
    const segment = segmentOf(everyColumn(100));
    const bytes = encodeSegment(segment);
    const vectors = decoded(bytes).batch.columns.get("vector") as VectorColumn;
    expect(vectors.values.buffer).toBe(bytes.buffer);
    for (let shift = 1; shift < 8; shift++) {
      const shifted = new Uint8Array(bytes.length + shift);
      shifted.set(bytes, shift);
      expect(decoded(shifted.subarray(shift))).toEqual(segment);
    }
    const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
    shared.set(bytes);
    expect(decoded(shared)).toEqual(segment);
  });

  it("encodes the same segment to the same bytes", () => {
    expect(encodeSegment(segmentOf(everyColumn(50)))).toEqual(
      encodeSegment(segmentOf(everyColumn(50))),
    );
  });

  it("finds every truncation, extension and flipped bit", () => {
    for (let length = 0; length < small.length; length++) {
      expect(decodeSegment(small.subarray(0, length)).ok).toBe(false);
    }
    expect(decodeSegment(Uint8Array.from([...small, 0])).ok).toBe(false);
    for (let bit = 0; bit < small.length * 8; bit++) {
      if (decodeSegment(flipped(small, bit)).ok) throw new Error(`bit ${bit} was not found`);
    }
    expect(decodeSegment(small).ok).toBe(true);
  });

  it("never throws for damaged values under a right checksum, and lets no misfit through", () => {
    const file = Buffer.from(small);
    const bodyStart = 16 + file.readInt32LE(12);
    const bodyEnd = file.length - 10 - file.readInt32LE(file.length - 10) - 8;
    const reasons = new Set<string>();
    for (let bit = bodyStart * 8; bit < bodyEnd * 8; bit += 3) {
      const result = decodeSegment(resealed(flipped(small, bit)));
      if (result.ok) encodeSegment(result.segment);
      else reasons.add(result.reason);
    }
    const expected = ["log order", "count of nulls", "not UTF-8", "do not ascend", "SyntaxError"];
    for (const reason of expected) expect([...reasons].join()).toContain(reason);
    const place = fc.integer({ min: bodyStart, max: bodyEnd - 1 });
    const damage = fc.property(place, fc.uint8Array({ maxLength: 16 }), (at, noise) => {
      const copy = small.slice();
      copy.set(noise.subarray(0, bodyEnd - at), at);
      const result = decodeSegment(resealed(copy));
      if (result.ok) encodeSegment(result.segment);
    });
    fc.assert(damage, { numRuns: 300 });
  });

  it("never throws for random bytes between the marks of an Arrow file", () => {
    const frame = fc.tuple(fc.uint8Array({ maxLength: 200 }), fc.nat({ max: 220 }));
    fc.assert(
      fc.property(frame, ([middle, footerLength]) => {
        const head = Buffer.from("ARROW1\0\0");
        const tail = Buffer.alloc(10, "xxxxARROW1");
        tail.writeInt32LE(footerLength);
        const bytes = Buffer.concat([head, middle, Buffer.from(`xxh64:${"0".repeat(16)}`), tail]);
        expect(decodeSegment(resealed(bytes)).ok).toBe(false);
        expect(decodeSegment(bytes).ok).toBe(false);
      }),
    );
  });

  it("says what is wrong", () => {
    expect(reasonOf(new Uint8Array(0))).toContain("too short");
    expect(reasonOf(new Uint8Array(100))).toContain("not an Arrow file");
    expect(reasonOf(flipped(small, 8 * 100))).toContain("damaged");
    expect(reasonOf(encodeTombstones([]))).toBe("a file of 'tombstones', not of 'segment'");
    const later = encodeArrowFile({ ...segmentFormat, version: 2 }, { count: 0, columns: [] });
    expect(reasonOf(later)).toBe("segment version 2 is not known");
    const bare = encodeArrowFile(segmentFormat, { count: 0, columns: [] });
    expect(reasonOf(bare)).toBe("there is no column '$sequence' where it should be");
  });

  it("refuses to encode a segment that breaks its own rules", () => {
    const segment = segmentOf(everyColumn(6));
    const sequences = segment.sequences.toReversed();
    expect(() => encodeSegment({ ...segment, sequences })).toThrow("log order");
    const rowNumbers = new Uint32Array(6);
    expect(() => encodeSegment({ ...segment, rowNumbers })).toThrow("log order");
    expect(() => encodeSegment({ ...segment, commits: new BigUint64Array(5) })).toThrow();
    const unsafe = segment.sequences.map((sequence) => sequence * 2 ** 20);
    expect(() => encodeSegment({ ...segment, sequences: unsafe })).toThrow("no sequence");
  });

  it("is an Arrow file with a schema for others", () => {
    const file = Buffer.from(small);
    expect(file.toString("latin1", 0, 8)).toBe("ARROW1\0\0");
    expect(file.toString("latin1", file.length - 6)).toBe("ARROW1");
    const footerLength = file.readInt32LE(file.length - 10);
    expect(footerLength).toBeGreaterThan(0);
    // Before the footer stands the end-of-stream mark.
    expect(file.readBigUInt64LE(file.length - 18 - footerLength)).toBe(0xffffffffn);
    const table = tableFromIPC(small);
    expect(table.schema.fields.map((field) => `${field.name}: ${field.type}`)).toEqual([
      ...["$sequence: Uint64", "$row: Uint32", "$commit: Uint64", "key: Int64"],
      ...["vector: FixedSizeList[2]<Float32>", "title: Utf8", "$meta: Utf8", "flag: Bool"],
      ...["tiny: Int8", "small: Int16", "medium: Int32", "float: Float32", "double: Float64"],
    ]);
    const [, , row] = table.toArray().map((each) => each.toJSON());
    expect(row).toMatchObject({ $sequence: 2n ** 40n, $row: 2, $commit: 2n ** 63n });
    expect(row).toMatchObject({ title: "wört 2 鳶 🪁", flag: false, tiny: -126, small: -2 });
    expect(JSON.parse(row.$meta)).toEqual({ row: 2, tags: ["a", null] });
    expect([...row.vector]).toEqual([Math.fround(Math.sin(4)), Math.fround(Math.sin(5))]);
    const second = table.get(1)?.toJSON();
    expect(second).toMatchObject({
      title: null,
      $meta: null,
      flag: null,
      small: null,
      float: null,
    });
  });
});
