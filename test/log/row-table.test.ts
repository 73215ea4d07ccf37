// Births, deaths and the hand-over of rows, against a naive list of rows.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  bear,
  bearAll,
  createRowTable,
  deadThrough,
  kill,
  liveCount,
  openRange,
  type RowRange,
  type RowTable,
  removeRanges,
  replaceRanges,
  splitRange,
} from "../../src/log/row-table.js";

interface NaiveRow {
  key: bigint;
  born: number;
  died: number;
}

interface Born {
  readonly table: RowTable;
  readonly range: RowRange;
}

/** Some of them are told apart only by what a number cannot hold. */
const keysUsed = [-1n, 0n, 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 63n - 1n];

const step = fc.record({
  kind: fc.constantFrom("bear" as const, "kill" as const, "seal" as const),
  key: fc.constantFrom(...keysUsed),
  lag: fc.integer({ min: 0, max: 3 }),
});

function visibleIn(table: RowTable, at: number): string[] {
  const seen: string[] = [];
  for (const range of table.ranges) {
    for (let offset = 0; offset < range.count; offset++) {
      const born = range.lives.born[offset] as number;
      const died = range.lives.died[offset] as number;
      if (born <= at && died > at) seen.push(`${range.keys.at(offset)}@${born}`);
    }
  }
  return seen.sort();
}

function visibleNaively(rows: readonly NaiveRow[], at: number): string[] {
  const seen = rows.filter((row) => row.born <= at && row.died > at);
  return seen.map((row) => `${row.key}@${row.born}`).sort();
}

function run(steps: readonly { kind: string; key: bigint; lag: number }[]) {
  const table = createRowTable();
  const rows: NaiveRow[] = [];
  let range = openRange(table, 0, 1);
  steps.forEach(({ kind, key, lag }, index) => {
    const sequence = index + 1;
    const live = rows.find((row) => row.key === key && row.died === Number.POSITIVE_INFINITY);
    if (kind === "bear") {
      if (live) live.died = sequence;
      rows.push({ key, born: sequence, died: Number.POSITIVE_INFINITY });
      bear(table, range, key, sequence, 0);
    } else if (kind === "kill") {
      const bornThrough = sequence - lag;
      if (live && live.born <= bornThrough) live.died = sequence;
      kill(table, key, sequence, bornThrough);
    } else if (range.count > 0) {
      const through = sequence - 1 - lag;
      if ((range.lives.born[0] ?? 0) > through) range.from = through;
      else range = splitRange(table, range, through) ?? openRange(table, through, 1);
    }
  });
  return { table, rows, last: steps.length };
}

describe("row table", () => {
  it("shows at every position the rows that a naive list shows", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const { table, rows, last } = run(steps);
        for (let at = 0; at <= last; at++) {
          expect(visibleIn(table, at)).toEqual(visibleNaively(rows, at));
        }
        expect(liveCount(table)).toBe(visibleNaively(rows, last).length);
      }),
    );
  });

  it("shows the same rows after a compaction's output took the place of its inputs", () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 5, maxLength: 40 }), fc.nat(), (steps, cut) => {
        const { table, rows, last } = run(steps);
        const closed = table.ranges.filter((range) => range.through !== null);
        if (closed.length === 0) return;
        const appliedThrough = cut % (last + 1);
        const kept = closed.flatMap((range) =>
          Array.from({ length: range.count }, (_, offset) => offset).flatMap((offset) => {
            const key = range.keys.at(offset);
            const born = range.lives.born[offset] as number;
            const died = range.lives.died[offset] as number;
            return died <= appliedThrough ? [] : [{ key, born }];
          }),
        );
        const output = {
          keys: kept.map((row) => row.key),
          sequences: Float64Array.from(kept, (row) => row.born),
          rowNumbers: new Uint32Array(kept.length),
        };
        const through = closed.at(-1)?.through ?? 0;
        const span = { from: 0, through, segmentId: "merged", appliedThrough };
        const swapped = replaceRanges(table, closed, output, table.nextNumber++, span);
        expect(swapped.ok).toBe(true);
        for (let at = appliedThrough; at <= last; at++) {
          expect(visibleIn(table, at)).toEqual(visibleNaively(rows, at));
        }
        // Deaths go on reaching rows in the new range.
        for (const key of keysUsed) kill(table, key, last + 1, last + 1);
        expect(visibleIn(table, last + 1)).toEqual([]);
      }),
    );
  });

  it("refuses an output that lacks a readable row or has one too many", () => {
    const table = createRowTable();
    const range = openRange(table, 0, 1);
    bear(table, range, 1n, 1, 0);
    bear(table, range, 2n, 1, 1);
    range.through = 1;
    const span = { from: 0, through: 1, segmentId: "merged", appliedThrough: 1 };
    const rows = (keys: bigint[], rowNumbers: number[]) => ({
      keys,
      sequences: Float64Array.from(keys, () => 1),
      rowNumbers: Uint32Array.from(rowNumbers),
    });
    expect(replaceRanges(table, [range], rows([1n], [0]), 9, span).ok).toBe(false);
    expect(replaceRanges(table, [range], rows([1n, 2n, 3n], [0, 1, 2]), 9, span).ok).toBe(false);
    expect(replaceRanges(table, [range], rows([1n, 2n], [0, 1]), 9, span).ok).toBe(true);
  });

  it("lets a range go only when none of its rows is readable any more", () => {
    const table = createRowTable();
    const range = openRange(table, 0, 1);
    bear(table, range, "a", 1, 0);
    kill(table, "a", 5, 5);
    expect(deadThrough(range, 4)).toBe(0);
    expect(removeRanges(table, [range], 4).ok).toBe(false);
    expect(removeRanges(table, [range], 5).ok).toBe(true);
    expect(table.ranges).toEqual([]);
  });
});

describe("the rows of an entry", () => {
  const entries = fc.array(fc.array(fc.constantFrom(...keysUsed), { maxLength: 8 }));

  it("are born together as one by one", () => {
    fc.assert(
      fc.property(entries, (given) => {
        const [together, apart, listed] = [0, 1, 2].map(() => {
          const table = createRowTable();
          return { table, range: openRange(table, 0, 1) };
        }) as [Born, Born, Born];
        given.forEach((keys, index) => {
          bearAll(together.table, together.range, BigInt64Array.from(keys), index + 1);
          bearAll(listed.table, listed.range, keys, index + 1);
          keys.forEach((key, row) => {
            bear(apart.table, apart.range, key, index + 1, row);
          });
        });
        for (const { table, range } of [together, listed]) {
          expect(table.live).toEqual(apart.table.live);
          expect(range).toEqual(apart.range);
        }
      }),
    );
  });
});
