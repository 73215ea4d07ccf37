// What a segment's index is to those who search it, whoever walks the graph.

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
