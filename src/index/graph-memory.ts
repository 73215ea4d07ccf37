// The compiled graph kernel with a WebAssembly memory of its own: layout, growth, calls.
import { graphKernel } from "../wasm/graph-kernel.js";
import { WasmMemory, wasmBytesMax } from "../wasm/wasm-memory.js";
import type { RowWeights } from "./vector-codes.js";

/** What `wasm/kernel/graph.as.ts` exports; parameters are described there. */
interface GraphKernel {
  setLinks(at: number, max: number): void;
  setUpper(starts: number, lists: number, max: number): void;
  setCodes(at: number, stride: number): void;
  setScratch(query: number, visited: number, bytes: number): void;
  setEntry(row: number, level: number): void;
  setInsertion(
    weights: number,
    stride: number,
    scale: number,
    max: number,
    candidates: number,
    results: number,
    fresh: number,
    chosen: number,
    around: number,
    kept: number,
  ): void;
  entryRow(): number;
  topLevel(): number;
  insert(row: number, level: number, width: number): void;
  distanceByCodes(row: number, scale: number): number;
  search(
    width: number,
    keep: number,
    scale: number,
    candidates: number,
    results: number,
    found: number,
  ): number;
}

export interface GraphShape {
  readonly count: number;
  readonly M: number;
  readonly codeBytes: number;
  /** Lists above level 0, of all rows and levels together. */
  readonly upperLists: number;
}

/** Where a search starts. */
export interface EntryPoint {
  readonly row: number;
  readonly topLevel: number;
}

/** Ends a list of links that is not full. */
export const noLink = 0xffff_ffff;

/** Views for the one who fills them in; void after the first search that grows the memory. */
export interface GraphViews {
  /** `count x 2 M`. */
  readonly links: Uint32Array;
  readonly codes: Int8Array;
  /** Which of the upper lists is a row's first, of level 1; those of its higher levels follow. */
  readonly upperStarts: Uint32Array;
  /** `lists x M`. */
  readonly upperLinks: Uint32Array;
}

interface Layout {
  readonly query: number;
  readonly weights: number;
  readonly chosen: number;
  readonly around: number;
  readonly kept: number;
  readonly upperStarts: number;
  readonly upperLinks: number;
  readonly links: number;
  readonly codes: number;
  readonly visited: number;
  readonly scratch: number;
}

/** Wider searches are rare: only they make a memory grow, and by a quarter then. */
const usualWidth = 1_024;

/** Whether one memory holds such a graph. */
export function fitsMemory(shape: GraphShape): boolean {
  return scratchEnd(layOut(shape), shape, shape.count) <= wasmBytesMax;
}

export class GraphMemory {
  private readonly memory: WasmMemory<GraphKernel>;
  private readonly shape: GraphShape;
  private readonly layout: Layout;
  /** The query, as long as a code; growth replaces it. */
  query: Int16Array;

  constructor(shape: GraphShape) {
    this.shape = shape;
    this.layout = layOut(shape);
    const width = Math.min(shape.count, usualWidth);
    this.memory = new WasmMemory(graphKernel, scratchEnd(this.layout, shape, width));
    this.query = this.queryView();
  }

  get bytes(): number {
    return this.memory.buffer.byteLength;
  }

  /** Lists without a link, codes of 0: to be filled in before `open`. */
  blankViews(): GraphViews {
    const views = this.views();
    views.links.fill(noLink);
    views.upperLinks.fill(noLink);
    return views;
  }

  views(): GraphViews {
    const { buffer } = this.memory;
    const { count, M, codeBytes, upperLists } = this.shape;
    const { layout } = this;
    return {
      links: new Uint32Array(buffer, layout.links, count * 2 * M),
      codes: new Int8Array(buffer, layout.codes, count * codeBytes),
      upperStarts: new Uint32Array(buffer, layout.upperStarts, count),
      upperLinks: new Uint32Array(buffer, layout.upperLinks, upperLists * M),
    };
  }

  get entry(): EntryPoint {
    const { kernel } = this.memory;
    return { row: kernel.entryRow(), topLevel: kernel.topLevel() };
  }

  open({ row, topLevel }: EntryPoint): void {
    const { kernel } = this.memory;
    const { layout, shape } = this;
    kernel.setLinks(layout.links, 2 * shape.M);
    kernel.setUpper(layout.upperStarts, layout.upperLinks, shape.M);
    kernel.setCodes(layout.codes, shape.codeBytes);
    kernel.setScratch(layout.query, layout.visited, Math.ceil(shape.count / 8));
    kernel.setEntry(row, topLevel);
  }

  /** Once, after `open` and before `insert`; `width` is how many rows each insertion seeks. */
  prepareInsertion({ weights, worth }: RowWeights, width: number): void {
    const { layout, shape, memory } = this;
    memory.reserve(scratchEnd(layout, shape, width));
    this.query = this.queryView();
    new Int16Array(memory.buffer, layout.weights, shape.codeBytes).set(weights);
    const { candidates, results, found } = scratchOf(layout, shape, width);
    memory.kernel.setInsertion(
      ...([layout.weights, shape.codeBytes, worth, shape.M] as const),
      ...([candidates, results, found, layout.chosen, layout.around, layout.kept] as const),
    );
  }

  insert(row: number, level: number, width: number): void {
    this.memory.kernel.insert(row, level, width);
  }

  /** To the query in `query`, whose `scale` its coder told. */
  distanceTo(row: number, scale: number): number {
    return this.memory.kernel.distanceByCodes(row, scale);
  }

  /**
   * The `keep` nearest of about the `width` nearest rows, in no order, in a view that the next
   * search overwrites.
   */
  search(width: number, keep: number, scale: number): Uint32Array {
    const { shape, layout } = this;
    if (this.memory.reserve(scratchEnd(layout, shape, width))) this.query = this.queryView();
    const { candidates, results, found } = scratchOf(layout, shape, width);
    const count = this.memory.kernel.search(width, keep, scale, candidates, results, found);
    return new Uint32Array(this.memory.buffer, found, count);
  }

  private queryView(): Int16Array {
    return new Int16Array(this.memory.buffer, this.layout.query, this.shape.codeBytes);
  }
}

function layOut({ count, M, codeBytes, upperLists }: GraphShape): Layout {
  let end = 0;
  // A cache line's start for each part.
  const take = (bytes: number): number => {
    const start = Math.ceil(end / 64) * 64;
    end = start + bytes;
    return start;
  };
  return {
    query: take(codeBytes * 2),
    weights: take(codeBytes * 2),
    chosen: take(M * 4),
    around: take((2 * M + 1) * 8),
    kept: take(2 * M * 4),
    upperStarts: take(count * 4),
    upperLinks: take(upperLists * M * 4),
    links: take(count * 2 * M * 4),
    codes: take(count * codeBytes),
    visited: take(Math.ceil(count / 8)),
    scratch: take(0),
  };
}

function scratchOf({ scratch }: Layout, { M }: GraphShape, width: number) {
  const candidates = scratch;
  const results = candidates + (2 * width + 2 * M) * 8;
  return { candidates, results, found: results + width * 8 };
}

function scratchEnd(layout: Layout, shape: GraphShape, width: number): number {
  // What is found takes as long a list as one of links, while the search goes on.
  return scratchOf(layout, shape, width).found + (width + 2 * shape.M + 1) * 4;
}
