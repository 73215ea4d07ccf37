// Opens hnswlib's own search over an index file, whatever the codes of its vectors are like.
import {
  type HnswExpectation,
  type HnswFailure,
  type HnswIndex,
  openHnsw,
  readHnsw,
} from "../../src/index/hnsw.js";

export function loadHnsw(bytes: Uint8Array, expected: HnswExpectation): HnswIndex | HnswFailure {
  const opened = openHnsw(bytes, expected);
  return "reason" in opened ? opened : readHnsw(opened);
}
