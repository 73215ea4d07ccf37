// The port to counters that hosts share: approximate, forgotten after a while, never authoritative.

export interface Counters {
  /**
   * Adds to the counter, which is 0 when nobody has added to it for `ttlMs`, and gives its value;
   * undefined when the counters are away or hold something else.
   */
  add(key: string, amount: number, ttlMs: number): Promise<number | undefined>;
}
