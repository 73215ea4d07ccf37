// The digest depends on the rows alone: not on their order, nor on how ranges were merged.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Key } from "../../src/rows/schema.js";
import {
  addIntegersToDigest,
  addToDigest,
  digestText,
  emptyDigest,
} from "../../src/storage/key-digest.js";

type Row = readonly [key: Key, sequence: number, row: number];

const key = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.string({ unit: "binary", maxLength: 10 }),
);
const row = fc.tuple(key, fc.maxSafeNat(), fc.nat({ max: 2 ** 32 - 1 }));

const digestOf = (rows: readonly Row[]): bigint =>
  rows.reduce(
    (digest, [k, sequence, number]) => addToDigest(digest, k, sequence, number),
    emptyDigest,
  );

describe("key digest", () => {
  it("is the same in any order and however the rows were split", () => {
    fc.assert(
      fc.property(fc.array(row), fc.nat(), (rows, at) => {
        const digest = digestOf(rows);
        expect(digestOf(rows.toReversed())).toBe(digest);
        const split = at % (rows.length + 1);
        const parts = digestOf(rows.slice(0, split)) + digestOf(rows.slice(split));
        expect(BigInt.asUintN(64, parts)).toBe(digest);
      }),
    );
  });

  it("is the same for the integers of an entry at once", () => {
    const keys = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    const sequences = fc.maxSafeNat();
    fc.assert(
      fc.property(fc.array(keys), sequences, fc.nat(), (some, sequence, before) => {
        const rows = some.map((one, place): Row => [one, sequence, place]);
        const digest = BigInt.asUintN(64, BigInt(before) + digestOf(rows));
        const integers = BigInt64Array.from(some);
        expect(addIntegersToDigest(BigInt(before), integers, sequence)).toBe(digest);
      }),
    );
    const many = BigInt64Array.from({ length: 5_000 }, (_, place) => BigInt(place) ** 5n);
    const rows = Array.from(many, (one, place): Row => [one, 7, place]);
    expect(addIntegersToDigest(emptyDigest, many, 7)).toBe(digestOf(rows));
  });

  it("differs when a key, its type, a sequence or a row number differs", () => {
    const rows: Row[] = [
      [1n, 1, 0],
      [2n, 1, 0],
      [1n, 2, 0],
      [1n, 1, 1],
      ["1", 1, 0],
      ["", 1, 0],
      ["\0\0\0\0\0\0\0\u0001", 1, 0],
      [1n, 2 ** 52 + 1, 0],
      [1n, 2 ** 52 + 2, 0],
      [-1n, 1, 0],
    ];
    expect(new Set(rows.map((each) => digestOf([each]))).size).toBe(rows.length);
    expect(
      digestOf([
        [1n, 1, 0],
        [2n, 2, 0],
      ]),
    ).not.toBe(
      digestOf([
        [1n, 2, 0],
        [2n, 1, 0],
      ]),
    );
  });

  it("reads nothing of an earlier, longer key, and bears the longest one", () => {
    const short = digestOf([["ä", 1, 1]]);
    const long = digestOf([["x".repeat(65_535), 1, 1]]);
    expect(digestOf([["ä", 1, 1]])).toBe(short);
    expect(digestOf([["x".repeat(65_535), 1, 1]])).toBe(long);
    expect(digestOf([["x".repeat(65_534), 1, 1]])).not.toBe(long);
  });

  it("keeps its value: stored manifests hold it", () => {
    expect(digestText(emptyDigest)).toBe("0000000000000000");
    expect(digestText(digestOf([[42n, 7, 3]]))).toBe("6f21fe39fb9de499");
    expect(digestText(digestOf([["kestrel", 7, 3]]))).toBe("a76ca764b4cf3f4d");
  });
});
