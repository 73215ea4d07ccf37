// The WebAssembly scan against float64 loops, at every shape that could trip it.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { referenceDistance, toScore } from "../../src/index/distance.js";
import { createVectorSlab, MemoryFullError, type VectorSlab } from "../../src/index/vector-slab.js";
import { type Metric, metrics } from "../../src/rows/schema.js";
import { randomFlags, uniformVectors } from "./random-vectors.js";

interface Case {
  readonly metric: Metric;
  readonly dimension: number;
  readonly rows: number;
  readonly rowCount: number;
  readonly k: number;
  /** Of 100 rows, how many pass; undefined for no flags. */
  readonly passing: number | undefined;
  readonly seed: number;
}

function rowOf(vectors: Float32Array, row: number, dimension: number): Float32Array {
  return vectors.subarray(row * dimension, (row + 1) * dimension);
}

/** Of five dimensions, as the rows of its callers are. */
function copyOf(slab: VectorSlab, offset: number): Float32Array {
  const copy = new Float32Array(5);
  slab.copyVector(offset, copy, 0);
  return copy;
}

/** Any float32 sum of these lies this close to the true one. */
function tolerance(metric: Metric, query: Float32Array, row: Float32Array): number {
  const epsilon = 2 ** -23 * (8 + query.length / 16);
  if (metric === "COSINE") return epsilon;
  let magnitude = 0;
  for (let index = 0; index < query.length; index += 1) {
    const [a, b] = [query[index] as number, row[index] as number];
    magnitude += metric === "L2" ? (a - b) ** 2 : Math.abs(a * b);
  }
  return epsilon * magnitude;
}

function checkAgainstReference(given: Case): void {
  const { metric, dimension, rows, rowCount, k, seed } = given;
  const vectors = uniformVectors(rows, dimension, seed);
  const query = uniformVectors(1, dimension, seed + 1);
  const flags =
    given.passing === undefined ? undefined : randomFlags(rows, given.passing / 100, seed + 2);
  const slab = createVectorSlab(dimension, metric);
  const cut = Math.floor(rows / 3) * dimension;
  slab.append(vectors.subarray(0, cut));
  slab.append(vectors.subarray(cut));
  const { offsets, distances } = slab.search(query, k, rowCount, flags);

  const qualified = [...Array(rowCount).keys()].filter((row) => flags?.[row] !== 0);
  expect(offsets).toHaveLength(Math.min(k, qualified.length));
  expect(new Set(offsets).size).toBe(offsets.length);
  const exact = new Map(
    qualified.map((row) => {
      const vector = rowOf(vectors, row, dimension);
      const distance = referenceDistance(metric, query, vector);
      return [row, { distance, error: tolerance(metric, query, vector) }] as const;
    }),
  );
  const ascending = [...exact.values()].sort((a, b) => a.distance - b.distance);
  // One assertion for all places: one each would take most of the time.
  const wrong = [...offsets].filter((offset, place) => {
    const own = exact.get(offset);
    const best = ascending[place];
    const distance = distances[place] as number;
    if (own === undefined || best === undefined || distance < (distances[place - 1] ?? -Infinity)) {
      return true;
    }
    const isOwn = Math.abs(distance - own.distance) <= own.error;
    return !isOwn || Math.abs(distance - best.distance) > own.error + best.error;
  });
  expect(wrong).toEqual([]);
  expect(slab.nearestOf(query, offsets.toReversed(), offsets.length)).toEqual({
    offsets,
    distances,
  });
  slab.free();
}

describe("search", () => {
  it("agrees with the float64 reference on any small shape", () => {
    const caseArbitrary = fc
      .record({
        metric: fc.constantFrom(...metrics),
        dimension: fc.integer({ min: 1, max: 40 }),
        rows: fc.integer({ min: 0, max: 120 }),
        kept: fc.integer({ min: 0, max: 100 }),
        k: fc.integer({ min: 0, max: 130 }),
        passing: fc.option(fc.constantFrom(0, 1, 10, 50, 100), { nil: undefined }),
        seed: fc.nat(),
      })
      .map(({ kept, ...rest }) => ({ ...rest, rowCount: Math.ceil((rest.rows * kept) / 100) }));
    fc.assert(fc.property(caseArbitrary, checkAgainstReference), { numRuns: 300 });
  });

  it.each(metrics)("agrees with the reference across blocks, %s", (metric) => {
    const shape = { metric, dimension: 7, rows: 6000, seed: 5 };
    for (const passing of [undefined, 50, 1, 0]) {
      checkAgainstReference({ ...shape, rowCount: 6000, k: 10, passing });
      checkAgainstReference({ ...shape, rowCount: 4097, k: 300, passing });
    }
  });

  it("agrees with the reference at the largest dimension and the largest k", () => {
    for (const metric of metrics) {
      const shape = { metric, seed: 9, passing: undefined };
      checkAgainstReference({ ...shape, dimension: 32_768, rows: 9, rowCount: 9, k: 20 });
      checkAgainstReference({ ...shape, dimension: 2, rows: 17_000, rowCount: 17_000, k: 16_384 });
    }
  });

  it("settles ties by the smaller offset, in all blocks", () => {
    const slab = createVectorSlab(3, "L2");
    slab.append(new Float32Array(3 * 5000).fill(1));
    expect([...slab.search(Float32Array.of(1, 1, 1), 4, 5000, undefined).offsets]).toEqual([
      0, 1, 2, 3,
    ]);
    const flags = new Uint8Array(5000);
    for (const row of [4999, 2048, 31, 2047]) flags[row] = 255;
    expect([...slab.search(Float32Array.of(1, 1, 1), 9, 5000, flags).offsets]).toEqual([
      31, 2047, 2048, 4999,
    ]);
  });

  it("gives zero vectors score 0 under COSINE, and rows that overflow the last place", () => {
    const cosine = createVectorSlab(2, "COSINE");
    cosine.append(Float32Array.of(0, 0, 1, 1, -1, -1, 1e-42, 0));
    const found = cosine.search(Float32Array.of(2, 2), 4, 4, undefined);
    expect([...found.offsets]).toEqual([1, 0, 3, 2]);
    const scores = [...found.distances].map((distance) => toScore("COSINE", distance));
    [1, 0, 0, -1].forEach((score, place) => {
      expect(scores[place]).toBeCloseTo(score, 6);
    });
    const zero = cosine.search(Float32Array.of(0, 0), 4, 4, undefined);
    expect([...zero.distances]).toEqual([1, 1, 1, 1]);

    const product = createVectorSlab(4, "IP");
    product.append(Float32Array.of(3e38, -3e38, 3e38, -3e38, 1, 1, 1, 1));
    const overflown = product.search(Float32Array.of(3e38, 3e38, 3e38, 3e38), 2, 2, undefined);
    expect([...overflown.offsets]).toEqual([1, 0]);
    expect([...overflown.distances]).toEqual([Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]);
  });

  it("refuses a wrong dimension, rows it has not, and too few flags", () => {
    const slab = createVectorSlab(2, "L2");
    slab.append(Float32Array.of(1, 2));
    expect(() => slab.search(Float32Array.of(1), 1, 1, undefined)).toThrow(RangeError);
    expect(() => slab.search(Float32Array.of(1, 2), 1, 2, undefined)).toThrow(RangeError);
    expect(() => slab.search(Float32Array.of(1, 2), 1, 1, new Uint8Array(0))).toThrow(RangeError);
    expect(() => slab.nearestOf(Float32Array.of(1, 2), Uint32Array.of(1), 1)).toThrow(RangeError);
    expect(() => slab.append(Float32Array.of(1))).toThrow(RangeError);
  });
});

describe("a slab", () => {
  it("keeps the original values through growth, and hands out copies", () => {
    for (const metric of metrics) {
      const slab = createVectorSlab(5, metric);
      const vectors = uniformVectors(30_000, 5, 3);
      for (let start = 0; start < vectors.length; start += 500) {
        slab.append(vectors.subarray(start, start + 500));
      }
      expect(slab.count).toBe(30_000);
      const copy = copyOf(slab, 29_999);
      expect([...copy]).toEqual([...rowOf(vectors, 29_999, 5)]);
      copy.fill(0);
      expect([...copyOf(slab, 29_999)]).toEqual([...rowOf(vectors, 29_999, 5)]);
      expect(() => copyOf(slab, 30_000)).toThrow(RangeError);
    }
  });

  it.each(metrics)("finds the same in rows that came as bytes: %s", (metric) => {
    const vectors = uniformVectors(300, 7, 5);
    const given = createVectorSlab(7, metric);
    const stored = createVectorSlab(7, metric);
    const bytes = new Uint8Array(vectors.buffer, vectors.byteOffset, vectors.byteLength);
    const unaligned = new Uint8Array(bytes.length + 1);
    unaligned.set(bytes, 1);
    for (let appended = 0; appended < 2; appended += 1) {
      given.append(vectors);
      stored.append(unaligned.subarray(1));
    }
    const query = uniformVectors(1, 7, 6);
    expect(stored.search(query, 20, 600, undefined)).toEqual(
      given.search(query, 20, 600, undefined),
    );
    expect(() => stored.append(unaligned)).toThrow(RangeError);
  });

  it("says how much memory it holds, and nothing works after free", () => {
    const slab = createVectorSlab(100, "COSINE", 1000);
    slab.append(uniformVectors(1000, 100, 1));
    expect(slab.bytes).toBeGreaterThanOrEqual(1000 * 101 * 4);
    expect(slab.bytes).toBeLessThan(1000 * 101 * 4 + 262_144);
    slab.free();
    expect(slab.bytes).toBe(0);
    expect(() => slab.search(new Float32Array(100), 1, 0, undefined)).toThrow("freed");
    expect(() => slab.append(new Float32Array(100))).toThrow("freed");
  });

  it("is full at 4 GiB, by a typed error, and stays as it was", () => {
    expect(() => createVectorSlab(32_768, "L2", 32_769)).toThrow(MemoryFullError);
    const slab = createVectorSlab(32_768, "L2");
    slab.append(new Float32Array(32_768).fill(2));
    const bytes = slab.bytes;
    // Never touched, so these 4 GiB of zeros take no memory.
    expect(() => slab.append(new Float32Array(2 ** 30))).toThrow(MemoryFullError);
    expect([slab.count, slab.bytes]).toEqual([1, bytes]);
    const found = slab.search(new Float32Array(32_768), 1, 1, undefined);
    expect([...found.distances]).toEqual([4 * 32_768]);
  });
});
