// The index on real graphs: recall, distances, round trip, memory.
import { tmpdir } from "node:os";
import { join } from "node:path";
import hnswlib from "hnswlib-node";
import { afterEach, describe, expect, it, vi } from "vitest";
import { buildHnsw, type HnswIndex } from "../../src/index/hnsw.js";
import { createVectorSlab } from "../../src/index/vector-slab.js";
import { type Metric, metrics } from "../../src/rows/schema.js";
import { loadHnsw } from "./load-hnsw.js";
import { clusteredVectors, randomFlags, uniformVectors } from "./random-vectors.js";

const dimension = 32;
const count = 5000;
const queryCount = 50;
const parameters = { M: 16, efConstruction: 200 };

const drawn = clusteredVectors(count + queryCount, dimension, {
  clusters: 60,
  spread: 0.7,
  seed: 11,
});
const vectors = drawn.slice(0, count * dimension);
const queries = Array.from({ length: queryCount }, (_, index) =>
  drawn.slice((count + index) * dimension, (count + index + 1) * dimension),
);

function load(file: Uint8Array, metric: Metric, rows = count): HnswIndex {
  const loaded = loadHnsw(file, { metric, dimension, count: rows });
  if ("reason" in loaded) throw new Error(loaded.reason);
  return loaded;
}

function build(metric: Metric, rows: Float32Array): Uint8Array {
  return buildHnsw({ vectors: rows, dimension, metric, parameters });
}

const files = new Map<Metric, Uint8Array>();
function fileOf(metric: Metric): Uint8Array {
  const file = files.get(metric) ?? build(metric, vectors);
  files.set(metric, file);
  return file;
}

interface Comparison {
  readonly recall: number;
  /** The largest difference from the slab's distance, as a share of the largest distance. */
  readonly error: number;
}

function compare(index: HnswIndex, metric: Metric, rows: Float32Array, factor = 1): Comparison {
  const slab = createVectorSlab(dimension, metric);
  slab.append(rows);
  let hits = 0;
  let error = 0;
  for (const query of queries.map((vector) => vector.map((value) => value * factor))) {
    const truth = new Set(slab.search(query, 10, slab.count, undefined).offsets);
    const found = index.search(query, 10, 128, undefined);
    hits += found.offsets.filter((offset) => truth.has(offset)).length;
    const { distances } = slab.nearestOf(query, found.offsets, found.offsets.length);
    const largest = Math.max(...distances.map(Math.abs));
    found.distances.forEach((distance, place) => {
      error = Math.max(error, Math.abs(distance - (distances[place] as number)) / largest);
      expect(distance).toBeGreaterThanOrEqual(found.distances[place - 1] ?? -Infinity);
    });
  }
  return { recall: hits / (10 * queries.length), error };
}

describe("a built and loaded index", () => {
  it.each(metrics)("%s: finds 19 of 20 true nearest, with the slab's distances", (metric) => {
    const { recall, error } = compare(load(fileOf(metric), metric), metric, vectors);
    expect(recall).toBeGreaterThanOrEqual(0.95);
    expect(error).toBeLessThan(1e-5);
  });

  it("answers as the graph did before it was written, ef included", () => {
    const original = new hnswlib.HierarchicalNSW("l2", dimension);
    original.initIndex({ maxElements: count, m: 16, efConstruction: 200, randomSeed: 100 });
    for (let row = 0; row < count; row += 1) {
      original.addPoint([...vectors.subarray(row * dimension, (row + 1) * dimension)], row);
    }
    original.setEf(128);
    const loaded = load(fileOf("L2"), "L2");
    for (const query of queries) {
      const before = original.searchKnn([...query], 10);
      const after = loaded.search(query, 10, 128, undefined);
      expect([...after.offsets]).toEqual(before.neighbors);
      expect([...after.distances]).toEqual(before.distances);
      loaded.search(query, 1, 1, undefined);
    }
  });

  it("finds the nearest by dot product however short or long the vectors are", () => {
    for (const factor of [1e-6, 1e6]) {
      const scaled = vectors.map((value) => value * factor);
      const { recall, error } = compare(load(build("IP", scaled), "IP"), "IP", scaled, factor);
      expect(recall).toBeGreaterThanOrEqual(0.95);
      expect(error).toBeLessThan(1e-5);
    }
  });

  it("keeps zero vectors and zero queries at similarity 0", () => {
    const rows = new Float32Array(3 * dimension);
    rows[dimension] = 2;
    rows[2 * dimension] = -2;
    for (const metric of ["COSINE", "IP"] as const) {
      const index = load(build(metric, rows), metric, 3);
      const zero = metric === "COSINE" ? 1 : 0;
      const query = new Float32Array(dimension);
      expect([...index.search(query, 3, 10, undefined).distances]).toEqual([zero, zero, zero]);
      query[0] = 3;
      const product = metric === "COSINE" ? 1 : 6;
      const { offsets, distances } = index.search(query, 3, 10, undefined);
      expect([...offsets]).toEqual([1, 0, 2]);
      expect([...distances]).toEqual([zero - product, zero, zero + product]);
    }
  });

  it("returns allowed rows only, and no more than there are", () => {
    const index = load(fileOf("L2"), "L2");
    const flags = randomFlags(count, 0.5, 4);
    for (const query of queries) {
      const { offsets } = index.search(query, 10, 128, flags);
      expect(offsets).toHaveLength(10);
      expect(offsets.every((offset) => flags[offset] === 1)).toBe(true);
    }
    const [query] = queries as [Float32Array];
    expect(index.search(query, 10, 10, new Uint8Array(count)).offsets).toHaveLength(0);
    expect(index.search(query, 10, 10, new Uint8Array(0)).offsets).toHaveLength(0);
    expect(index.search(query, 9000, 10, undefined).offsets.length).toBeGreaterThan(count * 0.99);
    expect(index.search(query, 0, 10, undefined).offsets).toHaveLength(0);
    expect(() => index.search(new Float32Array(3), 1, 1, undefined)).toThrow(RangeError);
  });

  it("serves the smallest and the largest shapes", () => {
    for (const [rows, width] of [
      [1, 1],
      [1, 32_768],
      [3, 32_768],
      [300, 1],
    ] as const) {
      const few = uniformVectors(rows, width, 8);
      const file = buildHnsw({ vectors: few, dimension: width, metric: "L2", parameters });
      const loaded = loadHnsw(file, { metric: "L2", dimension: width, count: rows });
      if ("reason" in loaded) throw new Error(loaded.reason);
      const found = loaded.search(few.slice(0, width), rows, 10, undefined);
      expect(found.offsets).toHaveLength(rows);
      expect([found.offsets[0], found.distances[0]]).toEqual([0, 0]);
    }
  });
});

describe("building and loading", () => {
  const few = vectors.subarray(0, 600 * dimension);

  it("gives the same bytes for the same rows and seed, others for another seed", () => {
    const first = build("COSINE", few);
    expect(Buffer.compare(build("COSINE", few), first)).toBe(0);
    const seeded = { vectors: few, dimension, metric: "COSINE", parameters, seed: 7 } as const;
    expect(Buffer.compare(buildHnsw(seeded), first)).not.toBe(0);
  });

  it("reports progress to the last row, and stops where the report throws", () => {
    const seen: number[] = [];
    const given = { vectors: few, dimension, metric: "L2", parameters } as const;
    buildHnsw({ ...given, onProgress: (rows) => seen.push(rows) });
    expect(seen).toEqual([256, 512, 600]);
    const onProgress = () => {
      throw new Error("stop");
    };
    expect(() => buildHnsw({ ...given, onProgress })).toThrow("stop");
  });

  it("refuses to build from nothing or from a part of a row", () => {
    expect(() => build("L2", new Float32Array(0))).toThrow(RangeError);
    expect(() => build("L2", new Float32Array(dimension + 1))).toThrow(RangeError);
  });

  it("refuses a sound file that belongs to something else", () => {
    const file = build("L2", few);
    const right = { metric: "L2", dimension, count: 600 } as const;
    expect(loadHnsw(file, { ...right, metric: "IP" })).toEqual({ reason: "another metric" });
    expect(loadHnsw(file, { ...right, dimension: 16 })).toEqual({ reason: "another dimension" });
    expect(loadHnsw(file, { ...right, count: 599 })).toEqual({ reason: "another count" });
  });

  it("cannot be used after free, which gives its memory back", () => {
    const index = load(build("L2", few), "L2", 600);
    expect(index.bytes).toBeGreaterThan(few.byteLength);
    index.free();
    index.free();
    expect(index.bytes).toBe(0);
    expect(() => index.search(queries[0] as Float32Array, 1, 1, undefined)).toThrow("freed");
  });

  it("keeps nothing of those that come and go, though V8 does not see what they hold", () => {
    const few = 40;
    const file = buildHnsw({
      ...{ vectors: vectors.slice(0, few * dimension), dimension, metric: "L2", parameters },
    });
    load(file, "L2", few).free();
    const before = process.memoryUsage.rss();
    // In one go: nothing is collected meanwhile. Each holds 2.6 MB besides its rows.
    for (let turn = 0; turn < 200; turn += 1) load(file, "L2", few).free();
    expect(process.memoryUsage.rss() - before).toBeLessThan(100 * 2 ** 20);
  });
});

describe("without room for a scratch file", () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it("loading gives a typed reason and building throws", () => {
    const few = vectors.subarray(0, 100 * dimension);
    const file = build("L2", few);
    vi.stubEnv("TMPDIR", join(tmpdir(), "missing", "directory"));
    const failure = loadHnsw(file, { metric: "L2", dimension, count: 100 });
    expect(failure).toMatchObject({ reason: "not loadable" });
    expect(() => build("L2", few)).toThrow("ENOENT");
  });
});
