// The port to a cache: it may forget anything at any time, so no answer may depend on it.
import assert from "node:assert/strict";

/** A cache that is away behaves as an empty one: no call rejects for that. */
export interface Cache {
  get(key: string): Promise<Uint8Array | undefined>;
  /** Replaces what was there; what is larger than the cache is not kept. */
  set(key: string, bytes: Uint8Array, ttlMs: number): Promise<void>;
  delete(key: string): Promise<void>;
}

const keyLengthMax = 1024;

export function assertCacheKey(key: string): void {
  assert(key.length > 0 && key.length <= keyLengthMax, "a cache key has 1 to 1024 characters");
}

export function assertTimeToLive(ttlMs: number): void {
  assert(Number.isSafeInteger(ttlMs) && ttlMs > 0, `${ttlMs} is no time to live`);
}
