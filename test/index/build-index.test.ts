// Building on codes: a graph as good as hnswlib's of the same rows, which hnswlib can load, too.
import { describe, expect, it } from "vitest";
import { buildIndex, buildOnCodes } from "../../src/index/build-index.js";
import { buildHnsw, type HnswBuild, openHnsw, readHnsw } from "../../src/index/hnsw.js";
import { loadIndex } from "../../src/index/load-index.js";
import type { SegmentIndex } from "../../src/index/segment-index.js";
import { createVectorSlab } from "../../src/index/vector-slab.js";
import { metrics } from "../../src/rows/schema.js";
import { clusteredVectors, uniformVectors } from "./random-vectors.js";

const queryCount = 40;

function shapeOf({ metric, dimension, vectors }: HnswBuild) {
  return { metric, dimension, count: vectors.length / dimension };
}

function builtOnCodes(build: HnswBuild): Uint8Array {
  const file = buildOnCodes(build);
  if (file === undefined) throw new Error("the codes are too coarse");
  return file;
}

function opened(file: Uint8Array, build: HnswBuild) {
  const open = openHnsw(file, shapeOf(build));
  if ("reason" in open) throw new Error(`${open.reason}: ${open.detail}`);
  return open;
}

function byHnswlib(file: Uint8Array, build: HnswBuild): SegmentIndex {
  const index = readHnsw(opened(file, build));
  if ("reason" in index) throw new Error(index.reason);
  return index;
}

function loaded(file: Uint8Array, build: HnswBuild): SegmentIndex {
  const index = loadIndex(file, shapeOf(build));
  if ("reason" in index) throw new Error(index.reason);
  return index;
}

/** The share of the 10 nearest found at ef 32, where a graph's faults show. */
function recallOf(index: SegmentIndex, build: HnswBuild, queries: readonly Float32Array[]): number {
  const slab = createVectorSlab(build.dimension, build.metric);
  slab.append(build.vectors);
  let hits = 0;
  for (const query of queries) {
    const truth = new Set(slab.search(query, 10, slab.count, undefined).offsets);
    const found = new Uint32Array(index.search(query, 10, 32, undefined).offsets);
    hits += slab.nearestOf(query, found, 10).offsets.filter((row) => truth.has(row)).length;
  }
  slab.free();
  return hits / (10 * queries.length);
}

function drawn(count: number, dimension: number, change = (value: number, _: number) => value) {
  const options = { clusters: 30, spread: 0.7, seed: 23 };
  const all = clusteredVectors(count + queryCount, dimension, options);
  const changed = all.map((value, place) => change(value, place % dimension));
  const queries = Array.from({ length: queryCount }, (_, query) =>
    changed.slice((count + query) * dimension, (count + query + 1) * dimension),
  );
  return { vectors: changed.slice(0, count * dimension), queries };
}

const parameters = { M: 8, efConstruction: 100 };

describe.each(metrics)("built on codes, %s", (metric) => {
  it.each([
    ["as they are", (value: number) => value],
    ["tiny", (value: number) => value * 1e-15],
    ["far from the origin", (value: number) => value + 5],
    ["of uneven dimensions", (value: number, index: number) => value * 2 ** (index % 4)],
  ] as const)("the graph of vectors %s is as good as hnswlib's", (_name, change) => {
    for (const dimension of [3, 24, 100]) {
      const { vectors, queries } = drawn(3000, dimension, change);
      const build = { vectors, dimension, metric, parameters };
      const ours = builtOnCodes(build);
      const theirs = recallOf(byHnswlib(buildHnsw(build), build), build, queries);
      expect(recallOf(byHnswlib(ours, build), build, queries)).toBeGreaterThanOrEqual(
        theirs - 0.03,
      );
      expect(recallOf(loaded(ours, build), build, queries)).toBeGreaterThanOrEqual(theirs - 0.03);
    }
  });

  it("every row is found by its own vector, but for a few", () => {
    const dimension = 16;
    const { vectors } = drawn(1500, dimension);
    const build = { vectors, dimension, metric: "L2", parameters } as const;
    const index = loaded(builtOnCodes(build), build);
    const lost = Array.from({ length: 1500 }, (_, row) => row).filter((row) => {
      const query = vectors.slice(row * dimension, (row + 1) * dimension);
      return !index.search(query, 10, 64, undefined).offsets.includes(row);
    });
    expect(lost.length).toBeLessThanOrEqual(3);
  });
});

describe("what codes cannot tell apart", () => {
  it("is built by hnswlib", () => {
    const dimension = 16;
    const vectors = clusteredVectors(2000, dimension, { clusters: 4, spread: 0.01, seed: 3 });
    const build = { vectors, dimension, metric: "L2", parameters } as const;
    expect(buildOnCodes(build)).toBeUndefined();
    expect(Buffer.compare(buildIndex(build), buildHnsw(build))).toBe(0);
  });

  it("ends, also with values at the edge of what numbers hold", () => {
    const vectors = uniformVectors(500, 8, 6);
    for (const row of [0, 3, 499]) vectors.fill(3.4e38, row * 8, (row + 1) * 8);
    for (const metric of metrics) {
      const build = { vectors, dimension: 8, metric, parameters } as const;
      expect(loaded(buildIndex(build), build).count).toBe(500);
    }
  });
});

describe("a build", () => {
  const dimension = 12;
  const { vectors } = drawn(700, dimension);
  const given = { vectors, dimension, metric: "COSINE", parameters } as const;

  it("gives the same file for the same seed, another one for another", () => {
    const first = buildIndex({ ...given, seed: 1 });
    expect(Buffer.compare(buildIndex({ ...given, seed: 1 }), first)).toBe(0);
    expect(Buffer.compare(buildIndex({ ...given, seed: 2 }), first)).not.toBe(0);
  });

  it("tells how far it is, and stops when that throws", () => {
    const seen: number[] = [];
    buildIndex({ ...given, onProgress: (rows) => seen.push(rows) });
    expect(seen).toEqual([256, 512, 700]);
    const onProgress = () => {
      throw new Error("stop");
    };
    expect(() => buildIndex({ ...given, onProgress })).toThrow("stop");
  });

  it("refuses what is no rows", () => {
    expect(() => buildIndex({ ...given, vectors: new Float32Array(0) })).toThrow(RangeError);
    expect(() => buildIndex({ ...given, vectors: new Float32Array(13) })).toThrow(RangeError);
  });

  it.each([1, 2, 3, 40, 300])("of %i equal rows or rows of 0 finds all of them", (count) => {
    for (const metric of metrics) {
      for (const value of [0, 1]) {
        const same = new Float32Array(count * dimension).fill(value);
        const build = { ...given, vectors: same, metric };
        const { offsets } = loaded(buildIndex(build), build).search(
          ...([same.slice(0, dimension), count, count, undefined] as const),
        );
        // Among equal rows links lead to any of them: not all can be reached.
        expect(offsets.length).toBeGreaterThanOrEqual(Math.min(count, 17));
      }
    }
  });

  it.each([2, 3, 64, 512])("serves the smallest and the largest shapes, at M %i", (M) => {
    for (const [size, width] of [
      [1, 1],
      [1, 32_768],
      [3, 32_768],
      [600, 1],
      [40, 2064],
    ] as const) {
      const few = uniformVectors(size, width, 8);
      const build = {
        ...{ vectors: few, dimension: width, metric: "L2" as const },
        parameters: { M, efConstruction: 16 },
      };
      const file = buildIndex(build);
      expect(opened(file, build).header.count).toBe(size);
      const index = loaded(file, build);
      const { offsets } = index.search(few.slice(0, width), 1, 32, undefined);
      // With so few links hnswlib loses a row of most random graphs, too.
      if (M > 3) expect(offsets).toContain(0);
      expect(offsets.length).toBeGreaterThan(0);
    }
  });
});
