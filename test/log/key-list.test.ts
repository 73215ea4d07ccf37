// Keys that are kept in little memory are the keys that were given.
import fc from "fast-check";
import { expect, it } from "vitest";
import { KeyList, mapKeyOf, mapKeysOf } from "../../src/log/key-list.js";
import type { Key } from "../../src/rows/schema.js";

const most = 2n ** 63n - 1n;
const integers = fc.array(fc.bigInt(-most - 1n, most), { maxLength: 50 });
const texts = fc.array(fc.string(), { maxLength: 50 });

it("gives back what was put in, until it is cut", () => {
  fc.assert(
    fc.property(fc.oneof(integers, texts), fc.nat({ max: 50 }), (keys: Key[], cut) => {
      const list = new KeyList();
      const read = () => Array.from({ length: list.count }, (_, offset) => list.at(offset));
      for (const key of keys) list.push(key);
      expect(read()).toEqual(keys);
      const kept = Math.min(cut, keys.length);
      list.truncate(kept);
      for (const key of keys) list.push(key);
      expect(read()).toEqual([...keys.slice(0, kept), ...keys]);
    }),
  );
});

it("takes integers all at once as one by one, and finds each by the same key of a map", () => {
  fc.assert(
    fc.property(integers, integers, (first, second) => {
      const list = new KeyList();
      for (const keys of [first, second]) list.pushIntegers(BigInt64Array.from(keys));
      const keys = [...first, ...second];
      expect(Array.from({ length: list.count }, (_, offset) => list.at(offset))).toEqual(keys);
      expect(mapKeysOf(BigInt64Array.from(keys))).toEqual(keys.map(mapKeyOf));
    }),
  );
  const edges = [0n, -1n, 2n ** 31n, 2n ** 32n, 2n ** 53n - 1n, 2n ** 53n, most, -most - 1n];
  const signed = edges.flatMap((edge) => [edge, -edge]).filter((edge) => edge <= most);
  expect(mapKeysOf(BigInt64Array.from(signed))).toEqual(signed.map(mapKeyOf));
  const many = new KeyList();
  many.pushIntegers(new BigInt64Array(5_000).fill(9n));
  expect([many.count, many.at(4_999)]).toEqual([5_000, 9n]);
});

it("holds more than it was made for, and nothing beyond its end", () => {
  const list = new KeyList();
  for (let key = 0n; key < 5_000n; key += 1n) list.push(key);
  expect([list.at(0), list.at(1_024), list.at(4_999)]).toEqual([0n, 1_024n, 4_999n]);
  list.truncate(3);
  expect(() => list.at(3)).toThrow(RangeError);
});

it("tells all keys apart in a map", () => {
  const near = [2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, -(2n ** 53n), -(2n ** 53n) - 1n];
  const keys: Key[] = [...near, 0n, -1n, 1n, most, "0", "1", ""];
  expect(new Set(keys.map(mapKeyOf)).size).toBe(keys.length);
  expect(mapKeyOf(5n)).toBe(5);
});
