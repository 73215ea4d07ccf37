// The choice between index and scan: never short, never a row that does not count.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { buildHnsw } from "../../src/index/hnsw.js";
import { loadIndex } from "../../src/index/load-index.js";
import type { SegmentIndex } from "../../src/index/segment-index.js";
import { type SegmentSearch, searchSegment } from "../../src/index/segment-search.js";
import { createVectorSlab } from "../../src/index/vector-slab.js";
import { clusteredVectors, randomFlags } from "./random-vectors.js";

const dimension = 16;
const count = 5000;
const drawn = clusteredVectors(count + 20, dimension, { clusters: 50, spread: 0.6, seed: 31 });
const vectors = drawn.slice(0, count * dimension);
const queries = Array.from({ length: 20 }, (_, index) =>
  drawn.slice((count + index) * dimension, (count + index + 1) * dimension),
);
const slab = createVectorSlab(dimension, "COSINE");
slab.append(vectors);
const index = ((): SegmentIndex => {
  const shape = { dimension, metric: "COSINE" } as const;
  const file = buildHnsw({ ...shape, vectors, parameters: { M: 16, efConstruction: 100 } });
  const loaded = loadIndex(file, { ...shape, count });
  if ("reason" in loaded) throw new Error(loaded.reason);
  return loaded;
})();

function searchOf(change: Partial<SegmentSearch>): SegmentSearch {
  const flags = change.allowed;
  const rowCount = change.rowCount ?? count;
  return {
    slab,
    index,
    query: queries[0] as Float32Array,
    k: 10,
    ef: 20,
    rowCount,
    allowed: undefined,
    allowedCount: flags?.subarray(0, rowCount).filter((flag) => flag !== 0).length ?? rowCount,
    exact: false,
    ...change,
  };
}

describe("searchSegment", () => {
  it("never returns less than there is, at any share of allowed rows", () => {
    const seen = new Set<string>();
    for (const share of [1, 0.5, 0.1, 0.01, 0.001, 0]) {
      const allowed = randomFlags(count, share, 5);
      for (const query of queries) {
        for (const k of [1, 10, 200]) {
          const search = searchOf({ query, k, allowed });
          const hits = searchSegment(search);
          seen.add(hits.strategy);
          expect(hits.offsets).toHaveLength(Math.min(k, search.allowedCount));
          expect(hits.offsets.every((offset) => allowed[offset] === 1)).toBe(true);
          expect(new Set(hits.offsets).size).toBe(hits.offsets.length);
        }
      }
    }
    expect(seen).toContain("exact");
    expect(seen).toContain("hnsw");
  });

  it("falls back to the scan, and says so, where the allowed rows lie far from the query", () => {
    for (const query of queries) {
      const nearest = slab.search(query, 2000, count, undefined).offsets;
      const allowed = new Uint8Array(count).fill(1);
      for (const offset of nearest) allowed[offset] = 0;
      const search = searchOf({ query, allowed, ef: 10 });
      const hits = searchSegment(search);
      expect(hits.strategy).toBe("hnsw-then-exact");
      const truth = slab.search(query, 10, count, allowed);
      expect([...hits.offsets]).toEqual([...truth.offsets]);
    }
  });

  it("gives a row the same distance whatever found it, in order, with good recall", () => {
    let found = 0;
    for (const query of queries) {
      const fast = searchSegment(searchOf({ query, ef: 30 }));
      const exact = searchSegment(searchOf({ query, exact: true }));
      expect([fast.strategy, exact.strategy]).toEqual(["hnsw", "exact"]);
      const distances = new Map([...exact.offsets].map((row, i) => [row, exact.distances[i]]));
      fast.offsets.forEach((offset, place) => {
        expect(fast.distances[place]).toBeGreaterThanOrEqual(fast.distances[place - 1] ?? -1);
        if (!distances.has(offset)) return;
        expect(fast.distances[place]).toBe(distances.get(offset));
        found += 1;
      });
    }
    expect(found / (10 * queries.length)).toBeGreaterThanOrEqual(0.95);
  });

  it("leaves out rows behind rowCount, flags for them or not", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: count }),
        fc.integer({ min: 1, max: 40 }),
        fc.boolean(),
        fc.nat(19),
        (rowCount, k, flagged, which) => {
          const allowed = flagged ? randomFlags(count, 0.9, rowCount) : undefined;
          const query = queries[which] as Float32Array;
          const search = searchOf({ query, rowCount, allowed, k, ef: 10 });
          const { offsets } = searchSegment(search);
          expect(offsets).toHaveLength(Math.min(k, search.allowedCount));
          expect(offsets.every((offset) => offset < rowCount)).toBe(true);
          expect(offsets.every((offset) => allowed?.[offset] !== 0)).toBe(true);
        },
      ),
      { numRuns: 200 },
    );
  });

  it("scans where there is no index, where the beam is wide, and where few rows count", () => {
    const few = randomFlags(count, 0.01, 2);
    for (const change of [{ index: undefined }, { ef: 128 }, { k: 1000 }, { allowed: few }]) {
      expect(searchSegment(searchOf(change)).strategy).toBe("exact");
    }
    expect(searchSegment(searchOf({})).strategy).toBe("hnsw");
  });

  it("uses an index of the first rows of a slab that was cut, and scans what it does not cover", () => {
    const larger = createVectorSlab(dimension, "COSINE");
    larger.append(drawn);
    larger.append(drawn.subarray(0, 3 * dimension));
    const rows = larger.count;
    const kept = searchSegment(searchOf({ slab: larger }));
    expect(kept.strategy).toBe("hnsw");
    expect(kept.offsets.every((offset) => offset < count)).toBe(true);
    const whole = searchSegment(searchOf({ slab: larger, rowCount: rows, allowedCount: rows }));
    expect(whole.strategy).toBe("exact");
    expect([...whole.offsets]).toEqual([
      ...larger.search(queries[0] as Float32Array, 10, rows, undefined).offsets,
    ]);
  });

  it("refuses an index of more rows", () => {
    const smaller = createVectorSlab(dimension, "COSINE");
    smaller.append(drawn.subarray(0, dimension));
    expect(() => searchSegment(searchOf({ slab: smaller, rowCount: 1 }))).toThrow(
      "for a segment of 1",
    );
  });
});
