// The approximate index as the segments use it, so that a simulation can plug in an exact one.
import { buildIndex } from "../index/build-index.js";
import type { HnswBuild, HnswExpectation, HnswFailure } from "../index/hnsw.js";
import { loadIndex } from "../index/load-index.js";
import type { SegmentIndex } from "../index/segment-index.js";

export interface IndexEngine {
  /** The index file. Synchronous and long: only on a thread of its own. */
  buildIndex(build: HnswBuild): Uint8Array;
  /** Expects bytes whose hash was compared. */
  loadIndex(bytes: Uint8Array, expected: HnswExpectation): SegmentIndex | HnswFailure;
}

export const hnswEngine: IndexEngine = { buildIndex, loadIndex };
