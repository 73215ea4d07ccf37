// Approximate search: hnswlib behind typed results. No other file may import it.
import { closeSync, openSync } from "node:fs";
import hnswlib from "hnswlib-node";
import type { IndexParameters, Metric } from "../rows/schema.js";
import { inverseNorm } from "./distance.js";
import {
  decodeHnswFile,
  encodeHnswHeader,
  type HnswFileReason,
  type HnswHeader,
  hnswHeaderBytes,
} from "./hnsw-file.js";
import { findGraphDamage } from "./hnsw-graph.js";
import { withScratchFile } from "./scratch-file.js";
import type { SegmentIndex } from "./segment-index.js";
import { createTopK, type Hits } from "./top-k.js";

export interface HnswBuild {
  /** `count x dimension` values, row-major; at least one row. */
  readonly vectors: Float32Array;
  readonly dimension: number;
  readonly metric: Metric;
  readonly parameters: IndexParameters;
  /** The same seed and rows give the same graph. */
  readonly seed?: number;
  readonly onProgress?: (rows: number, of: number) => void;
}

export interface HnswExpectation {
  readonly metric: Metric;
  readonly dimension: number;
  readonly count: number;
}

export type HnswReason =
  | HnswFileReason
  | "another metric"
  | "another dimension"
  | "another count"
  | "damaged graph"
  | "not loadable";

export interface HnswFailure {
  readonly reason: HnswReason;
  readonly detail?: string;
}

export interface HnswIndex extends SegmentIndex {
  /** Up to `k` rows, sorted, with hnswlib's distances; native memory is released by `free`. */
  search(query: Float32Array, k: number, ef: number, allowed: Uint8Array | undefined): Hits;
}

// Few enough calls to cost nothing, enough of them for a task's heartbeat.
export const progressRows = 256;
export const usualSeed = 100;

/**
 * Builds the graph and returns the index file. Takes seconds to minutes in one synchronous stretch,
 * so it belongs on a thread of its own. Throws without rows, and when the scratch file fails.
 */
export function buildHnsw(build: HnswBuild): Uint8Array {
  const { dimension, metric, parameters } = build;
  const count = rowCountOf(build);
  const { factorOf, scale } = rowFactors(build);
  const graph = takeGraph(metric, dimension);
  try {
    graph.initIndex({
      maxElements: count,
      m: parameters.M,
      efConstruction: parameters.efConstruction,
      randomSeed: build.seed ?? usualSeed,
    });
    addRows(graph, build, factorOf);
    return save(graph, { metric, dimension, count, parameters, scale, payloadLength: 0 });
  } finally {
    giveBack(graph, metric, dimension);
  }
}

/** Throws a `RangeError` for what is no rows. */
export function rowCountOf({ vectors, dimension }: HnswBuild): number {
  const count = vectors.length / dimension;
  if (!Number.isInteger(count) || count === 0) {
    throw new RangeError(`${vectors.length} values of dimension ${dimension} are no rows to index`);
  }
  return count;
}

/** What each row is multiplied with before it goes in; `scale` is what is the same for all. */
export function rowFactors({ vectors, dimension, metric }: HnswBuild) {
  const scale = metric === "IP" ? scaleOf(vectors, dimension) : 1;
  const factorOf = (row: number): number =>
    metric === "COSINE" ? inverseNorm(vectors, row * dimension, dimension) : scale;
  return { factorOf, scale };
}

/**
 * Emptied graphs, to be used again. Even an empty one holds 65,536 mutexes, 2.6 MB that V8 does not
 * see: left to it, those of a thread that loads many small indexes would grow to gigabytes.
 */
const idleGraphs = new Map<string, hnswlib.HierarchicalNSW[]>();
const idleOfAShapeMax = 4;
const shapesMax = 16;

function takeGraph(metric: Metric, dimension: number): hnswlib.HierarchicalNSW {
  const idle = idleGraphs.get(shapeOf(metric, dimension))?.pop();
  return idle ?? new hnswlib.HierarchicalNSW(spaceOf(metric), dimension);
}

/** Its rows' memory returns at once. */
function giveBack(graph: hnswlib.HierarchicalNSW, metric: Metric, dimension: number): void {
  graph.initIndex({ maxElements: 1 });
  const shape = shapeOf(metric, dimension);
  if (!idleGraphs.has(shape) && idleGraphs.size < shapesMax) idleGraphs.set(shape, []);
  const idle = idleGraphs.get(shape);
  if (idle !== undefined && idle.length < idleOfAShapeMax) idle.push(graph);
}

const spaceOf = (metric: Metric) => (metric === "L2" ? "l2" : "ip");
const shapeOf = (metric: Metric, dimension: number) => `${spaceOf(metric)} ${dimension}`;

/**
 * hnswlib computes `1 - dot product` in float32, where products far below 1 drown: vectors of
 * length 0.0003 would be found at random. A power of two brings the longest row to about 1 without
 * changing a digit; queries are brought to length 1, which does not change their order.
 */
function scaleOf(vectors: Float32Array, dimension: number): number {
  let longest = 0;
  for (let start = 0; start < vectors.length; start += dimension) {
    const factor = inverseNorm(vectors, start, dimension);
    if (factor > 0) longest = Math.max(longest, 1 / factor);
  }
  return longest === 0 ? 1 : 2 ** -Math.ceil(Math.log2(longest));
}

function addRows(
  graph: hnswlib.HierarchicalNSW,
  build: HnswBuild,
  factorOf: (row: number) => number,
): void {
  const { vectors, dimension, onProgress } = build;
  const count = vectors.length / dimension;
  const point = new Array<number>(dimension).fill(0);
  for (let row = 0; row < count; row += 1) {
    const start = row * dimension;
    const factor = factorOf(row);
    for (let index = 0; index < dimension; index += 1) {
      point[index] = (vectors[start + index] as number) * factor;
    }
    graph.addPoint(point, row);
    if ((row + 1) % progressRows === 0 || row + 1 === count) onProgress?.(row + 1, count);
  }
}

function save(graph: hnswlib.HierarchicalNSW, header: HnswHeader): Uint8Array {
  return withScratchFile((scratch) => {
    graph.writeIndexSync(scratch.path);
    const payloadLength = scratch.size();
    const file = Buffer.allocUnsafeSlow(hnswHeaderBytes + payloadLength);
    file.set(encodeHnswHeader({ ...header, payloadLength }));
    const payload = file.subarray(hnswHeaderBytes);
    scratch.read(payload);
    // hnswlib does not report a failed write, on a full disk say: the graph shows it.
    const damage = findGraphDamage(payload, { ...header, M: header.parameters.M });
    if (damage !== undefined) throw new Error(`hnswlib wrote a damaged index: ${damage}`);
    return file;
  });
}

/** A file of ours with a graph that can be walked. */
export interface OpenedHnsw {
  readonly header: HnswHeader;
  readonly payload: Uint8Array;
}

/**
 * Opens an index file whose hash the caller has compared. Even so nothing in it is trusted that
 * could crash the process, since hnswlib itself follows whatever it reads.
 */
export function openHnsw(bytes: Uint8Array, expected: HnswExpectation): OpenedHnsw | HnswFailure {
  const decoded = decodeHnswFile(bytes);
  if (!decoded.ok) return { reason: decoded.reason };
  const { header, payload } = decoded;
  if (header.metric !== expected.metric) return { reason: "another metric" };
  if (header.dimension !== expected.dimension) return { reason: "another dimension" };
  if (header.count !== expected.count) return { reason: "another count" };
  const detail = findGraphDamage(payload, { ...header, M: header.parameters.M });
  if (detail !== undefined) return { reason: "damaged graph", detail };
  return { header, payload };
}

/** The graph in hnswlib itself, with a copy of the vectors. */
export function readHnsw({ header, payload }: OpenedHnsw): HnswIndex | HnswFailure {
  try {
    return new LoadedHnsw(readGraph(header, payload), header);
  } catch (error) {
    return { reason: "not loadable", detail: String(error) };
  }
}

/**
 * A graph whose reading failed holds a dangling pointer: it must neither be used nor collected. The
 * bytes having been checked and the file opened, only a process without memory comes to that.
 */
const brokenGraphs: hnswlib.HierarchicalNSW[] = [];

function readGraph({ metric, dimension }: HnswHeader, payload: Uint8Array) {
  return withScratchFile((scratch) => {
    scratch.write(payload);
    if (scratch.size() !== payload.length) throw new Error("the scratch file came out short");
    // hnswlib lets go of what it holds before it looks whether there is a descriptor left for it.
    closeSync(openSync(scratch.path, "r"));
    const graph = takeGraph(metric, dimension);
    try {
      graph.readIndexSync(scratch.path);
      return graph;
    } catch (error) {
      brokenGraphs.push(graph);
      throw error;
    }
  });
}

// What hnswlib keeps beyond the file: a mutex, a pointer, a level, a mark and a table entry a row,
// and 65,536 mutexes an index.
const bytesPerRow = 40 + 8 + 4 + 2 + 48;
const bytesPerIndex = 65_536 * 40;

class LoadedHnsw implements HnswIndex {
  readonly count: number;
  private graph: hnswlib.HierarchicalNSW | undefined;
  private readonly header: HnswHeader;
  /** The query as hnswlib takes it: one array for all searches, which come one after the other. */
  private readonly point: number[];

  constructor(graph: hnswlib.HierarchicalNSW, header: HnswHeader) {
    this.graph = graph;
    this.header = header;
    this.count = header.count;
    this.point = new Array<number>(header.dimension).fill(0);
  }

  get bytes(): number {
    if (this.graph === undefined) return 0;
    return this.header.payloadLength + this.count * bytesPerRow + bytesPerIndex;
  }

  search(query: Float32Array, k: number, ef: number, allowed: Uint8Array | undefined): Hits {
    if (this.graph === undefined) throw new Error("the index was freed");
    const { metric, dimension, scale } = this.header;
    if (query.length !== dimension) {
      throw new RangeError(`a query of ${query.length} values in dimension ${dimension}`);
    }
    const factor = metric === "L2" ? 1 : inverseNorm(query, 0, dimension) || 1;
    for (let index = 0; index < dimension; index += 1) {
      this.point[index] = (query[index] as number) * factor;
    }
    const width = Math.min(this.count, Math.max(ef, k));
    // Loading resets ef to 10, and another search has left its own.
    this.graph.setEf(width);
    // hnswlib's filter calls JavaScript for every row it meets, and a throw there ends the process.
    // Filtering what it returns costs the same (both took 0.2 to 0.6 ms with half the rows).
    const found = this.graph.searchKnn(
      this.point,
      allowed === undefined ? Math.min(k, width) : width,
    );
    const top = createTopK(Math.min(k, width));
    found.neighbors.forEach((offset, place) => {
      if (allowed !== undefined && (allowed[offset] ?? 0) === 0) return;
      const distance = found.distances[place] as number;
      top.offer(offset, metric === "IP" ? (distance - 1) / (scale * factor) : distance);
    });
    return top.finish();
  }

  free(): void {
    if (this.graph === undefined) return;
    giveBack(this.graph, this.header.metric, this.header.dimension);
    this.graph = undefined;
  }
}
