// Whether codes tell neighbours apart: their distances against the true ones along the graph.
import { referenceDistance } from "./distance.js";
import type { GraphMemory } from "./graph-memory.js";
import type { HnswGraph } from "./hnsw-graph.js";
import type { CodedRows, VectorCoder } from "./vector-codes.js";

const samples = 128;
/**
 * The share of the variance of a row's distances to its neighbours that is noise of the codes. On
 * clusters ever narrower, of 4 to 256 dimensions, the recall@10 at ef 100 after comparing by the
 * vectors stayed at hnswlib's while the median row lost 0.2 and was 0.01 less when it lost 0.3.
 */
const lossMax = 0.3;
const lossyRowsMax = 0.25;
/** Links that bridge clusters would say nothing about neighbours: the nearer half is looked at. */
const nearShare = 0.5;
/** Closer together than this share of the vectors' mean square, distances are equal in float32. */
const equalShare = { l2: 1e-13, ip: 1e-7 };

/** By evenly spread rows and their neighbours; false: vectors crowd closer than codes show. */
export function areCodesFine(
  graph: HnswGraph,
  rows: CodedRows,
  coder: VectorCoder,
  memory: GraphMemory,
): boolean {
  const sampled = Math.min(samples, graph.count);
  let lossy = 0;
  for (let sample = 0; sample < sampled; sample += 1) {
    const row = Math.floor((sample * graph.count) / sampled);
    const neighbours = nearestLinks(graph, rows, row);
    const exact = neighbours.map((other) => exactDistance(rows, row, other));
    const scale = coder.encodeQuery(vectorOf(rows, row), memory.query);
    const byCodes = neighbours.map((other) => memory.distanceTo(other, scale));
    if (lossOf(exact, byCodes, coder.square * equalShare[rows.space]) > lossMax) lossy += 1;
  }
  return lossy <= sampled * lossyRowsMax;
}

function nearestLinks(graph: HnswGraph, rows: CodedRows, row: number): readonly number[] {
  const { words, firstRow, rowWords } = graph;
  const list = firstRow + row * rowWords;
  const links = [...words.subarray(list + 1, list + 1 + (words[list] as number))];
  const distances = new Map(links.map((link) => [link, exactDistance(rows, row, link)]));
  links.sort((a, b) => (distances.get(a) as number) - (distances.get(b) as number));
  return links.slice(0, Math.ceil(links.length * nearShare));
}

function vectorOf({ values, first, stride, dimension }: CodedRows, row: number): Float32Array {
  const start = first + row * stride;
  return values.subarray(start, start + dimension);
}

function exactDistance(rows: CodedRows, a: number, b: number): number {
  const metric = rows.space === "l2" ? "L2" : "IP";
  return referenceDistance(metric, vectorOf(rows, a), vectorOf(rows, b));
}

/** One less the squared correlation; 0 where there is nothing to tell apart. */
function lossOf(exact: readonly number[], byCodes: readonly number[], equal: number): number {
  const truth = deviationsOf(exact);
  const seen = deviationsOf(byCodes);
  const spread = sumOfProducts(truth, truth);
  if (exact.length < 3 || spread <= exact.length * equal * equal) return 0;
  const noise = sumOfProducts(seen, seen);
  // Not a number, as of values beyond float32, counts as lost too.
  const shared = sumOfProducts(truth, seen) ** 2 / (spread * noise);
  return shared > 0 ? 1 - shared : 1;
}

function deviationsOf(values: readonly number[]): readonly number[] {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return values.map((value) => value - mean);
}

function sumOfProducts(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, index) => sum + value * (b[index] as number), 0);
}
