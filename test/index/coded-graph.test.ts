// Search by codes: as many of the true nearest as hnswlib finds in the same graph, or no codes.
import { describe, expect, it } from "vitest";
import { createCodedGraph } from "../../src/index/coded-graph.js";
import { buildHnsw, type OpenedHnsw, openHnsw, readHnsw } from "../../src/index/hnsw.js";
import { loadIndex } from "../../src/index/load-index.js";
import type { SegmentIndex } from "../../src/index/segment-index.js";
import { createVectorSlab } from "../../src/index/vector-slab.js";
import { type Metric, metrics } from "../../src/rows/schema.js";
import { clusteredVectors, randomFlags, uniformVectors } from "./random-vectors.js";

interface Case {
  readonly metric: Metric;
  readonly dimension: number;
  readonly rows: Float32Array;
  readonly M?: number;
}

function fileOf({ metric, dimension, rows, M = 8 }: Case): Uint8Array {
  const parameters = { M, efConstruction: 100 };
  return buildHnsw({ vectors: rows, dimension, metric, parameters });
}

function open(given: Case): OpenedHnsw {
  const { metric, dimension, rows } = given;
  const opened = openHnsw(fileOf(given), { metric, dimension, count: rows.length / dimension });
  if ("reason" in opened) throw new Error(opened.reason);
  return opened;
}

function codedOf(given: Case): SegmentIndex {
  const index = createCodedGraph(open(given));
  if (index === undefined) throw new Error("the codes are too coarse");
  return index;
}

function loadedOf(given: Case): SegmentIndex {
  const { metric, dimension, rows } = given;
  const index = loadIndex(fileOf(given), { metric, dimension, count: rows.length / dimension });
  if ("reason" in index) throw new Error(index.reason);
  return index;
}

function hnswlibOf(given: Case): SegmentIndex {
  const index = readHnsw(open(given));
  if ("reason" in index) throw new Error(index.reason);
  return index;
}

/** The share of the 10 nearest that are found at ef 64 and compared by their vectors. */
function recallOf(index: SegmentIndex, given: Case, queries: readonly Float32Array[]): number {
  const { metric, dimension, rows } = given;
  const slab = createVectorSlab(dimension, metric);
  slab.append(rows);
  let hits = 0;
  for (const query of queries) {
    const truth = new Set(slab.search(query, 10, slab.count, undefined).offsets);
    const { offsets } = index.search(query, 10, 64, undefined);
    const found = slab.nearestOf(query, offsets, 10);
    hits += found.offsets.filter((offset) => truth.has(offset)).length;
  }
  slab.free();
  return hits / (10 * queries.length);
}

const count = 2000;
const queryCount = 30;

function drawn(dimension: number, change: (value: number, index: number) => number) {
  const all = clusteredVectors(count + queryCount, dimension, {
    clusters: 30,
    spread: 0.7,
    seed: 17,
  }).map((value, place) => change(value, place % dimension));
  return {
    rows: all.slice(0, count * dimension),
    queries: Array.from({ length: queryCount }, (_, query) =>
      all.slice((count + query) * dimension, (count + query + 1) * dimension),
    ),
  };
}

const shapes: readonly (readonly [string, (value: number, index: number) => number])[] = [
  ["as they are", (value) => value],
  ["tiny", (value) => value * 1e-15],
  ["huge", (value) => value * 1e15],
  ["far from the origin", (value) => value + 5],
  ["of uneven dimensions", (value, index) => value * 2 ** (index % 4)],
  ["with a constant dimension", (value, index) => (index === 0 ? 3 : value)],
];

describe.each(metrics)("by codes, %s", (metric) => {
  it.each(shapes)("finds what hnswlib finds, of vectors %s", (_name, change) => {
    for (const dimension of [3, 24, 100]) {
      const { rows, queries } = drawn(dimension, change);
      const given = { metric, dimension, rows };
      const byHnswlib = recallOf(hnswlibOf(given), given, queries);
      const byCodes = recallOf(codedOf(given), given, queries);
      expect(byCodes).toBeGreaterThanOrEqual(byHnswlib - 0.02);
      expect(byHnswlib).toBeGreaterThanOrEqual(0.8);
    }
  });
});

describe.each(["L2", "COSINE"] as const)("rows that crowd closer than codes show, %s", (metric) => {
  const dimension = 16;
  const crowded = clusteredVectors(count, dimension, { clusters: 4, spread: 0.01, seed: 3 });
  const broad = drawn(dimension, (value) => value);

  it.each([2, 3, 8, 40])("are left to hnswlib, at M %i", (M) => {
    expect(createCodedGraph(open({ metric, dimension, rows: crowded, M }))).toBeUndefined();
  });

  it("are left to hnswlib where they are a fifth of all", () => {
    const tight = clusteredVectors(count, dimension, { clusters: 4, spread: 0.002, seed: 3 });
    const rows = broad.rows.map((value, place) => {
      const row = Math.floor(place / dimension);
      const other = (row / 5) * dimension + (place % dimension);
      return row % 5 === 0 ? (tight[other] as number) : value;
    });
    expect(createCodedGraph(open({ metric, dimension, rows }))).toBeUndefined();
  });

  it("are found by what was loaded instead", () => {
    const given = { metric, dimension, rows: crowded };
    const loaded = loadedOf(given);
    const queries = [crowded.slice(0, dimension), crowded.slice(dimension, 2 * dimension)];
    expect(recallOf(loaded, given, queries)).toBeGreaterThanOrEqual(0.9);
  });
});

describe("values at the edge of what numbers hold", () => {
  it("end every search, and a few rows of them cost the others nothing", () => {
    const dimension = 8;
    const { rows, queries } = drawn(dimension, (value) => value);
    const sentinel = new Float32Array(dimension).fill(3.4e38);
    const mixed = rows.slice();
    for (const row of [3, 700, 1999]) mixed.set(sentinel, row * dimension);
    for (const metric of metrics) {
      const opened = open({ metric, dimension, rows: mixed });
      const index = createCodedGraph(opened);
      for (const query of [sentinel, ...queries]) index?.search(query, 10, 64, undefined);
      const loaded = loadedOf({ metric, dimension, rows: mixed });
      expect(loaded.search(sentinel, 10, 64, undefined).offsets.length).toBeGreaterThan(0);
    }
  });

  it("keeps a value that hardly any row has", () => {
    const dimension = 24;
    const { rows } = drawn(dimension, (value, index) => (index === 5 ? 0 : value));
    for (const row of [11, 900]) rows[row * dimension + 5] = 0.99;
    const given = { metric: "L2", dimension, rows } as const;
    const queries = [11, 900].map((row) => rows.slice(row * dimension, (row + 1) * dimension));
    expect(recallOf(codedOf(given), given, queries)).toBeGreaterThanOrEqual(0.9);
  });

  it("adds the largest products without an overflow", () => {
    for (const dimension of [2063, 2064, 8192]) {
      const rows = uniformVectors(40, dimension, 5).map((value) => Math.sign(value) || 1);
      const given = { metric: "IP", dimension, rows } as const;
      const query = rows.slice(7 * dimension, 8 * dimension);
      const { offsets } = codedOf(given).search(query, 1, 10, undefined);
      const slab = createVectorSlab(dimension, "IP");
      slab.append(rows);
      expect(slab.nearestOf(query, offsets, 1).offsets[0]).toBe(7);
    }
  });
});

describe("a coded graph", () => {
  const dimension = 24;
  const { rows, queries } = drawn(dimension, (value) => value);
  const given = { metric: "L2", dimension, rows } as const;
  const index = codedOf(given);
  const [query] = queries as [Float32Array];

  it("returns distinct rows, the nearest among them, whatever is asked for", () => {
    for (const k of [1, 10, 300, count, 9000]) {
      for (const ef of [1, 64, 5000]) {
        const { offsets } = index.search(query, k, ef, undefined);
        expect(new Set(offsets).size).toBe(offsets.length);
        expect(offsets.every((offset) => offset < count)).toBe(true);
        expect(offsets.length).toBeGreaterThanOrEqual(Math.min(k, count * 0.99));
      }
    }
    expect(index.search(query, 0, 10, undefined).offsets).toHaveLength(0);
  });

  it("answers the same from search to search, wider ones between them or not", () => {
    const before = [...index.search(query, 10, 64, undefined).offsets];
    for (const other of queries) index.search(other, 1000, 1000, undefined);
    expect([...index.search(query, 10, 64, undefined).offsets]).toEqual(before);
  });

  it("returns allowed rows only", () => {
    const flags = randomFlags(count, 0.5, 4);
    const { offsets } = index.search(query, 10, 128, flags);
    expect(offsets.length).toBeGreaterThanOrEqual(10);
    expect(offsets.every((offset) => flags[offset] === 1)).toBe(true);
    expect(index.search(query, 10, 10, new Uint8Array(count)).offsets).toHaveLength(0);
    expect(index.search(query, 10, 10, new Uint8Array(0)).offsets).toHaveLength(0);
  });

  it("takes less memory than the graph with its vectors", () => {
    const wide = { metric: "L2", dimension: 256, rows: uniformVectors(count, 256, 1) } as const;
    expect(codedOf(wide).bytes).toBeLessThan(fileOf(wide).byteLength / 2);
  });

  it("refuses a query of another dimension, and any after it was freed", () => {
    expect(() => index.search(new Float32Array(3), 1, 1, undefined)).toThrow(RangeError);
    const freed = codedOf(given);
    freed.free();
    expect(freed.bytes).toBe(0);
    expect(() => freed.search(query, 1, 1, undefined)).toThrow("freed");
  });

  it("serves the smallest and the largest shapes", () => {
    for (const [size, width] of [
      [1, 1],
      [1, 32_768],
      [3, 32_768],
      [300, 1],
    ] as const) {
      for (const M of [2, 8, 512]) {
        const few = uniformVectors(size, width, 8);
        const small = loadedOf({ metric: "L2", dimension: width, rows: few, M });
        const { offsets } = small.search(few.slice(0, width), size, 10, undefined);
        expect(new Set(offsets).size).toBe(offsets.length);
        if (M > 2) expect(offsets).toHaveLength(size);
        expect(small.search(few.slice(0, width), 1, 1, undefined).offsets).toContain(0);
      }
    }
  });

  it("keeps equal rows, rows of 0 and queries of 0 apart from nothing", () => {
    const few = new Float32Array(60 * dimension);
    for (let row = 0; row < 60; row += 1) few[row * dimension] = row % 3;
    for (const metric of metrics) {
      const same = codedOf({ metric, dimension, rows: few });
      const zero = new Float32Array(dimension);
      expect(same.search(zero, 60, 60, undefined).offsets).toHaveLength(60);
      const longest = few.slice(2 * dimension, 3 * dimension);
      const slab = createVectorSlab(dimension, metric);
      slab.append(few);
      const found = slab.nearestOf(longest, same.search(longest, 5, 20, undefined).offsets, 5);
      expect(found.distances).toEqual(slab.search(longest, 5, 60, undefined).distances);
    }
  });
});
