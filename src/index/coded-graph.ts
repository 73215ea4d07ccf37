// HNSW search on codes of the vectors: a graph in hnswlib's format, walked by a kernel of ours.
import type { Metric } from "../rows/schema.js";
import { MemoryFullError } from "../wasm/wasm-memory.js";
import { areCodesFine } from "./code-loss.js";
import { fitsMemory, GraphMemory, type GraphShape, type GraphViews } from "./graph-memory.js";
import type { OpenedHnsw } from "./hnsw.js";
import { type HnswGraph, viewGraph } from "./hnsw-graph.js";
import type { SegmentIndex } from "./segment-index.js";
import { type CodedRows, codeBytes, VectorCoder } from "./vector-codes.js";

/**
 * Undefined where hnswlib has to serve the graph: when codes cannot tell neighbours apart, or one
 * memory is too small. The caller compares what a search returns by the vectors themselves, which
 * makes up for the codes' errors.
 */
export function createCodedGraph({ header, payload }: OpenedHnsw): SegmentIndex | undefined {
  const { count, dimension, parameters, metric } = header;
  const graph = viewGraph(payload, { count, dimension, M: parameters.M });
  const shape = graphShapeOf(graph);
  if (!fitsMemory(shape)) return undefined;
  const rows = rowsOf(graph, metric);
  const coder = new VectorCoder(rows);
  const memory = new GraphMemory(shape);
  const views = memory.blankViews();
  fillLinks(graph, views);
  fillUpper(graph, views);
  coder.encodeRows(rows, views.codes);
  memory.open({ row: graph.entryPoint, topLevel: graph.topLevel });
  if (!areCodesFine(graph, rows, coder, memory)) return undefined;
  return new CodedGraph(memory, coder, { count, dimension });
}

export function graphShapeOf({ count, dimension, M, upper }: HnswGraph): GraphShape {
  const upperLists = upper.reduce((sum, { levels }) => sum + levels, 0);
  return { count, M, codeBytes: codeBytes(dimension), upperLists };
}

/** The vectors of a graph: those that hnswlib compares, by dot product unless the metric is L2. */
export function rowsOf(graph: HnswGraph, metric: Metric): CodedRows {
  const space = metric === "L2" ? "l2" : "ip";
  const { values, firstVector: first, rowWords: stride, count, dimension } = graph;
  return { values, first, stride, count, dimension, space };
}

function fillLinks({ words, firstRow, rowWords, count, M }: HnswGraph, { links }: GraphViews) {
  for (let row = 0; row < count; row += 1) {
    const list = firstRow + row * rowWords;
    const length = words[list] as number;
    for (let place = 0; place < length; place += 1) {
      links[row * 2 * M + place] = words[list + 1 + place] as number;
    }
  }
}

function fillUpper({ words, upper, M }: HnswGraph, views: GraphViews) {
  let next = 0;
  for (const { row, levels, firstList } of upper) {
    views.upperStarts[row] = next;
    for (let level = 0; level < levels; level += 1, next += 1) {
      const list = firstList + level * (M + 1);
      const length = words[list] as number;
      for (let place = 0; place < length; place += 1) {
        views.upperLinks[next * M + place] = words[list + 1 + place] as number;
      }
    }
  }
}

class CodedGraph implements SegmentIndex {
  readonly count: number;
  private memory: GraphMemory | undefined;
  private readonly coder: VectorCoder;
  private readonly dimension: number;

  constructor(
    memory: GraphMemory,
    coder: VectorCoder,
    { count, dimension }: { readonly count: number; readonly dimension: number },
  ) {
    this.memory = memory;
    this.coder = coder;
    this.count = count;
    this.dimension = dimension;
  }

  get bytes(): number {
    return this.memory?.bytes ?? 0;
  }

  search(query: Float32Array, k: number, ef: number, allowed: Uint8Array | undefined) {
    const { memory, dimension } = this;
    if (memory === undefined) throw new Error("the index was freed");
    if (query.length !== dimension) {
      throw new RangeError(`a query of ${query.length} values in dimension ${dimension}`);
    }
    if (k === 0) return { offsets: new Uint32Array(0) };
    const width = Math.min(this.count, Math.max(ef, Math.ceil(k * spareCandidates)));
    const keep =
      allowed === undefined ? Math.min(width, Math.max(comparedMin, compared * k)) : width;
    const found = searchWithin(memory, width, keep, this.coder.encodeQuery(query, memory.query));
    if (allowed === undefined) return { offsets: found };
    return { offsets: found.filter((row) => (allowed[row] ?? 0) !== 0) };
  }

  free(): void {
    this.memory = undefined;
  }
}

/** By codes the last of `k` rows may come after the next ones. */
const spareCandidates = 1.25;
/** So many times `k` of the nearest by codes, and at least so many, are compared by vectors. */
const compared = 4;
const comparedMin = 32;

/** Nothing where the process has no memory for so wide a search: the caller scans then. */
function searchWithin(memory: GraphMemory, width: number, keep: number, scale: number) {
  try {
    return memory.search(width, keep, scale);
  } catch (error) {
    if (error instanceof MemoryFullError) return new Uint32Array(0);
    throw error;
  }
}
