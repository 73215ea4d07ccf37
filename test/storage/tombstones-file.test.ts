// Tombstones survive their file, and damage is found.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeArrowFile } from "../../src/storage/arrow-file.js";
import { segmentFormat } from "../../src/storage/segment-file.js";
import {
  decodeTombstones,
  encodeTombstones,
  type Tombstone,
} from "../../src/storage/tombstones-file.js";
import { uint64Column } from "../../src/storage/unsigned-columns.js";
import { flipped, resealed } from "./resealed.js";

const tombstonesFormat = { kind: "tombstones", version: 1 };
const keysOfOneType = fc.oneof(
  fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), { maxLength: 30 }),
  fc.array(fc.string({ unit: "binary", maxLength: 10 }), { maxLength: 30 }),
);

const tombstones = fc.tuple(keysOfOneType, fc.maxSafeNat()).map(([keys, first]) =>
  keys.map((key, row): Tombstone => {
    const sequence = Math.min(first + (row >> 1), Number.MAX_SAFE_INTEGER);
    const bornThrough = Math.max(0, sequence - row);
    return { key, sequence, bornThrough, commit: BigInt(sequence) * 1000n };
  }),
);

const few: Tombstone[] = [
  { key: "a", sequence: 5, bornThrough: 5, commit: 2n ** 64n - 1n },
  { key: "ü", sequence: 5, bornThrough: 0, commit: 7n },
];

describe("tombstones file", () => {
  it("gives back any tombstones", () => {
    fc.assert(
      fc.property(tombstones, (list) => {
        expect(decodeTombstones(encodeTombstones(list))).toEqual({ ok: true, tombstones: list });
      }),
    );
    expect(decodeTombstones(encodeTombstones(few))).toEqual({ ok: true, tombstones: few });
  });

  it("finds every truncation and flipped bit", () => {
    const bytes = encodeTombstones(few);
    for (let length = 0; length < bytes.length; length++) {
      expect(decodeTombstones(bytes.subarray(0, length)).ok).toBe(false);
    }
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      if (decodeTombstones(flipped(bytes, bit)).ok) throw new Error(`bit ${bit} was not found`);
    }
  });

  it("never throws for damaged values under a right checksum", () => {
    const bytes = encodeTombstones(few);
    const file = Buffer.from(bytes);
    const bodyStart = 16 + file.readInt32LE(12);
    const bodyEnd = file.length - 18 - file.readInt32LE(file.length - 10);
    for (let bit = bodyStart * 8; bit < bodyEnd * 8; bit++) {
      const result = decodeTombstones(resealed(flipped(bytes, bit)));
      if (result.ok) encodeTombstones(result.tombstones);
    }
  });

  it("says what is wrong", () => {
    const reasonOf = (bytes: Uint8Array): string => {
      const result = decodeTombstones(bytes);
      return result.ok ? "none" : result.reason;
    };
    const count = 0;
    const column = (name: string) => uint64Column(name, new BigUint64Array(0));
    const columns = ["key", "sequence", "bornThrough", "commit"].map(column);
    expect(reasonOf(encodeArrowFile(segmentFormat, { count, columns }))).toContain("'segment'");
    expect(reasonOf(encodeArrowFile(tombstonesFormat, { count, columns }))).toContain("type");
    expect(reasonOf(encodeArrowFile(tombstonesFormat, { count, columns: [] }))).toContain(
      "columns",
    );
  });

  it("refuses to encode what is out of order, hides the future or mixes keys", () => {
    const [first, second] = few as [Tombstone, Tombstone];
    expect(() => encodeTombstones([first, { ...second, sequence: 4 }])).toThrow("log order");
    expect(() => encodeTombstones([{ ...first, bornThrough: 6 }])).toThrow("born after it");
    expect(() => encodeTombstones([first, { ...second, key: 1n }])).toThrow("two types");
    expect(() => encodeTombstones([{ ...first, key: 1n }, second])).toThrow("two types");
  });
});
