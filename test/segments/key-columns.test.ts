// Keys of many rows: membership and order, against the obvious ways.
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Key } from "../../src/rows/schema.js";
import { type KeyColumn, markKeys, orderByKey } from "../../src/segments/key-columns.js";

const extremes = fc.constantFrom(0n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 32n, -(2n ** 32n));
const integers = fc.oneof(extremes, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }));
const strings = fc.string({ unit: "binary", maxLength: 3 });

const integerColumn = (keys: readonly bigint[]): KeyColumn => ({
  type: "Int64",
  values: BigInt64Array.from(keys),
});
const stringColumn = (keys: readonly string[]): KeyColumn => ({ type: "VarChar", values: keys });

function expectMarks(column: KeyColumn, keys: readonly Key[], wanted: readonly Key[]): void {
  const expected = keys.map((key) => (wanted.includes(key) ? 1 : 0));
  expect([...markKeys(column, keys.length, wanted)]).toEqual(expected);
}

test("marks the rows with wanted integers", () => {
  fc.assert(
    fc.property(fc.array(integers), fc.array(integers), (keys, others) => {
      const wanted = [...others, ...keys.filter((_, row) => row % 2 === 0)];
      expectMarks(integerColumn(keys), keys, wanted);
    }),
  );
});

test("marks the rows with wanted strings", () => {
  fc.assert(
    fc.property(fc.array(strings), fc.array(strings), (keys, others) => {
      const wanted = [...others, ...keys.filter((_, row) => row % 3 === 0)];
      expectMarks(stringColumn(keys), keys, wanted);
    }),
  );
});

test("a key of another type, or beyond 64 bits, is no row's", () => {
  const column = integerColumn([0n, 1n]);
  expect([...markKeys(column, 2, [2n ** 64n, 2n ** 64n + 1n, "0", "1"])]).toEqual([0, 0]);
  expect([...markKeys(stringColumn(["0", "1"]), 2, [0n, 1n])]).toEqual([0, 0]);
});

test("marks only the first rows", () => {
  expect([...markKeys(integerColumn([5n, 5n, 5n]), 2, [5n])]).toEqual([1, 1]);
});

test("integers come in ascending order, across columns, up to the limit", () => {
  const columns = fc.array(fc.array(integers, { maxLength: 10 }), { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(columns, fc.option(fc.nat({ max: 20 })), (lists, limit) => {
      const all = lists.flat().sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
      expect(ordered(lists.map(integerColumn), limit)).toEqual(all.slice(0, limit ?? all.length));
    }),
  );
});

test("strings come in the order of their code units", () => {
  const columns = fc.array(fc.array(strings, { maxLength: 10 }), { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(columns, fc.option(fc.nat({ max: 20 })), (lists, limit) => {
      const all = lists.flat().sort();
      expect(ordered(lists.map(stringColumn), limit)).toEqual(all.slice(0, limit ?? all.length));
    }),
  );
});

function ordered(columns: readonly KeyColumn[], limit: number | null): Key[] {
  const picks = columns.flatMap(({ values }, source) =>
    Array.from({ length: values.length }, (_, position) => [source, position] as const),
  );
  const { sources, positions } = orderByKey(
    columns,
    {
      sources: Uint32Array.from(picks, ([source]) => source),
      positions: Uint32Array.from(picks, ([, position]) => position),
    },
    limit,
  );
  return Array.from(
    sources,
    (source, row) => columns[source]?.values[positions[row] as number] as Key,
  );
}
