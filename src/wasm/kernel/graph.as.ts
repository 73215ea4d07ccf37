// Search in an HNSW graph over 8-bit codes of vectors, in AssemblyScript: algorithm 5 of Malkov and
// Yashunin (arXiv 1603.09320). `scripts/build-kernel.ts` compiles it, with insertion; the caller
// lays the memory out and passes addresses.
import { descend, distanceTo, searchLevel, setFactor, setLevel, sink } from "./graph-core.as";
import { entryRow, topLevel } from "./graph-insert.as";

export { setCodes, setLinks, setScratch, setUpper } from "./graph-core.as";
export { entryRow, insert, setEntry, setInsertion, topLevel } from "./graph-insert.as";

/** The distance by codes, smaller is nearer. `scale` is what the query's integers are worth. */
export function distanceByCodes(row: u32, scale: f32): f32 {
  setFactor(scale);
  return distanceTo(row);
}

/**
 * Looks for the `width` rows nearest to the query and writes the numbers of the `keep` nearest of
 * them, in no order, to `found`; returns how many.
 * `found` has room for `width + linksMax + 1` numbers, the others what `searchLevel` says.
 */
export function search(
  width: u32,
  keep: u32,
  scale: f32,
  candidates: usize,
  results: usize,
  found: usize,
): u32 {
  setFactor(scale);
  let start = entryRow();
  for (let level = topLevel(); level > 0; level--) {
    setLevel(level);
    start = descend(start);
  }
  setLevel(0);
  let kept = searchLevel(start, width, candidates, results, found);
  while (kept > keep) {
    kept--;
    sink(results, kept, 0, load<u64>(results + (<usize>kept << 3)));
  }
  for (let place: u32 = 0; place < kept; place++) {
    store<u32>(found + (<usize>place << 2), <u32>~load<u64>(results + (<usize>place << 3)));
  }
  return kept;
}
