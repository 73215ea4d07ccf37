// Builds a segment's index: on codes of its vectors, or with hnswlib where those are too coarse.
import { MemoryFullError } from "../wasm/wasm-memory.js";
import { areCodesFine } from "./code-loss.js";
import { graphShapeOf, rowsOf } from "./coded-graph.js";
import { drawLevels, drawOrder } from "./graph-draws.js";
import { fitsMemory, GraphMemory } from "./graph-memory.js";
import {
  buildHnsw,
  type HnswBuild,
  progressRows,
  rowCountOf,
  rowFactors,
  usualSeed,
} from "./hnsw.js";
import { encodeHnswHeader, hnswHeaderBytes } from "./hnsw-file.js";
import type { HnswGraph } from "./hnsw-graph.js";
import { finishPayload, payloadBytes, startPayload } from "./hnsw-payload.js";
import { VectorCoder } from "./vector-codes.js";

/**
 * The index file, for hnswlib as for our own search. Takes seconds to minutes in one synchronous
 * stretch, so it belongs on a thread of its own. Throws without rows.
 */
export function buildIndex(build: HnswBuild): Uint8Array {
  return buildOnCodes(build) ?? buildHnsw(build);
}

/** Undefined where codes will not do: too coarse for these vectors, or too many for one memory. */
export function buildOnCodes(build: HnswBuild): Uint8Array | undefined {
  const { dimension, metric, parameters } = build;
  const count = rowCountOf(build);
  const { M, efConstruction } = parameters;
  const levels = drawLevels(count, M, build.seed ?? usualSeed);
  const blank = { count, dimension, M, efConstruction, levels };
  const payloadLength = payloadBytes(blank);
  const file = new Uint8Array(hnswHeaderBytes + payloadLength);
  const { factorOf, scale } = rowFactors(build);
  file.set(encodeHnswHeader({ metric, dimension, count, parameters, scale, payloadLength }));
  const graph = startPayload(file.subarray(hnswHeaderBytes), blank);
  writeVectors(graph, build.vectors, factorOf);
  try {
    return linkRows(graph, levels, build) ? file : undefined;
  } catch (error) {
    if (error instanceof MemoryFullError) return undefined;
    throw error;
  }
}

function writeVectors(
  { values, firstVector, rowWords, count, dimension }: HnswGraph,
  vectors: Float32Array,
  factorOf: (row: number) => number,
): void {
  for (let row = 0; row < count; row += 1) {
    const factor = factorOf(row);
    const target = firstVector + row * rowWords;
    for (let index = 0; index < dimension; index += 1) {
      values[target + index] = (vectors[row * dimension + index] as number) * factor;
    }
  }
}

/** Fills in the graph's links; were they chosen well? */
function linkRows(graph: HnswGraph, levels: Uint8Array, build: HnswBuild): boolean {
  const shape = graphShapeOf(graph);
  if (!fitsMemory(shape)) return false;
  const rows = rowsOf(graph, build.metric);
  const coder = new VectorCoder(rows);
  const memory = new GraphMemory(shape);
  const { codes, upperStarts } = memory.blankViews();
  coder.encodeRows(rows, codes);
  let lists = 0;
  for (const { row, levels: own } of graph.upper) {
    upperStarts[row] = lists;
    lists += own;
  }
  insertRows(memory, coder, levels, build);
  const linked = finishPayload(graph, memory.views(), memory.entry);
  return areCodesFine(linked, rows, coder, memory);
}

function insertRows(
  memory: GraphMemory,
  coder: VectorCoder,
  levels: Uint8Array,
  { parameters, onProgress, seed = usualSeed }: HnswBuild,
): void {
  const count = levels.length;
  const width = Math.max(parameters.efConstruction, parameters.M);
  const order = drawOrder(count, seed);
  const levelOf = (row: number) => levels[row] as number;
  const [first = 0] = order;
  memory.open({ row: first, topLevel: levelOf(first) });
  memory.prepareInsertion(coder.rowWeights(), width);
  for (const [place, row] of order.entries()) {
    // The first one has nothing to be linked to.
    if (place > 0) memory.insert(row, levelOf(row), width);
    const done = place + 1;
    if (done % progressRows === 0 || done === count) onProgress?.(done, count);
  }
}
