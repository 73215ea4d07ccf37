// A segment's index from its file: by codes of its vectors, or hnswlib where those are too coarse.
import { createCodedGraph } from "./coded-graph.js";
import {
  type HnswExpectation,
  type HnswFailure,
  type OpenedHnsw,
  openHnsw,
  readHnsw,
} from "./hnsw.js";
import { MemoryFullError } from "./wasm-memory.js";

export interface SegmentIndex {
  readonly count: number;
  /** What the index holds of the process's memory; V8 does not see all of it. */
  readonly bytes: number;
  /**
   * Rows among which the `k` nearest are to be sought: of about the `max(ef, k)` nearest ones those
   * with a byte other than 0 in `allowed`, with a filter often fewer than `k`. They are to be read
   * before the next search.
   */
  search(
    query: Float32Array,
    k: number,
    ef: number,
    allowed: Uint8Array | undefined,
  ): { readonly offsets: Uint32Array };
  /** Lets go of the memory; any use afterwards throws. */
  free(): void;
}

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
