// A graph in hnswlib's file layout, written without hnswlib: first all but the links, then these.
import { type EntryPoint, type GraphViews, noLink } from "./graph-memory.js";
import {
  type GraphShape,
  type HnswGraph,
  labelBytes,
  payloadHeaderBytes,
  rowBytesOf,
  viewGraph,
} from "./hnsw-graph.js";

export interface BlankPayload extends GraphShape {
  /** The highest level of each row. */
  readonly levels: Uint8Array;
  readonly efConstruction: number;
}

export function payloadBytes(blank: BlankPayload): number {
  const lists = blank.levels.reduce((sum, levels) => sum + levels, 0);
  const { count, M } = blank;
  return payloadHeaderBytes + count * (rowBytesOf(blank) + 4) + lists * (M + 1) * 4;
}

/** Fills in what is known before the links, of `payloadBytes` bytes, all of them 0. */
export function startPayload(payload: Uint8Array, blank: BlankPayload): HnswGraph {
  writeHeader(payload, blank);
  const { count, M, levels } = blank;
  const words = new Uint32Array(payload.buffer, payload.byteOffset, payload.length / 4);
  const rowWords = rowBytesOf(blank) / 4;
  let position = payloadHeaderBytes / 4;
  for (let row = 0; row < count; row += 1, position += rowWords) {
    words[position + rowWords - labelBytes / 4] = row;
  }
  for (let row = 0; row < count; row += 1) {
    const length = (levels[row] as number) * (M + 1);
    words[position] = length * 4;
    position += 1 + length;
  }
  return viewGraph(payload, blank);
}

function writeHeader(payload: Uint8Array, blank: BlankPayload): void {
  const view = new DataView(payload.buffer, payload.byteOffset);
  const { count, M, efConstruction } = blank;
  const rowBytes = rowBytesOf(blank);
  const vectorAt = (2 * M + 1) * 4;
  const numbers = [
    ...[0, count, count, rowBytes, rowBytes - labelBytes, vectorAt],
    // Here come the top level and the entry point, in 4 bytes each.
    ...[0, M, 2 * M, M],
  ];
  for (const [place, value] of numbers.entries()) view.setBigUint64(place * 8, BigInt(value), true);
  view.setFloat64(80, 1 / Math.log(M), true);
  view.setBigUint64(88, BigInt(efConstruction), true);
}

/** The payload is complete then. */
export function finishPayload(graph: HnswGraph, views: GraphViews, entry: EntryPoint): HnswGraph {
  const { words, count, M, firstRow, rowWords, upper } = graph;
  words[48 / 4] = entry.topLevel;
  words[52 / 4] = entry.row;
  for (let row = 0; row < count; row += 1) {
    writeList(words, firstRow + row * rowWords, views.links, row * 2 * M, 2 * M);
  }
  for (const { row, levels, firstList } of upper) {
    const first = views.upperStarts[row] as number;
    for (let level = 0; level < levels; level += 1) {
      const list = firstList + level * (M + 1);
      writeList(words, list, views.upperLinks, (first + level) * M, M);
    }
  }
  return { ...graph, entryPoint: entry.row, topLevel: entry.topLevel };
}

function writeList(
  words: Uint32Array,
  list: number,
  links: Uint32Array,
  start: number,
  max: number,
): void {
  let length = 0;
  while (length < max && links[start + length] !== noLink) {
    words[list + 1 + length] = links[start + length] as number;
    length += 1;
  }
  words[list] = length;
}
