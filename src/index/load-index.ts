// A segment's index from its file: by codes of its vectors, or hnswlib where those are too coarse.
import { MemoryFullError } from "../wasm/wasm-memory.js";
import { createCodedGraph } from "./coded-graph.js";
import {
  type HnswExpectation,
  type HnswFailure,
  type OpenedHnsw,
  openHnsw,
  readHnsw,
} from "./hnsw.js";
import type { SegmentIndex } from "./segment-index.js";

/** Expects bytes whose hash was compared. They are not needed afterwards. */
export function loadIndex(
  bytes: Uint8Array,
  expected: HnswExpectation,
): SegmentIndex | HnswFailure {
  const opened = openHnsw(bytes, expected);
  if ("reason" in opened) return opened;
  return codedGraphOf(opened) ?? readHnsw(opened);
}

function codedGraphOf(opened: OpenedHnsw): SegmentIndex | undefined {
  try {
    return createCodedGraph(opened);
  } catch (error) {
    if (error instanceof MemoryFullError) return undefined;
    throw error;
  }
}
