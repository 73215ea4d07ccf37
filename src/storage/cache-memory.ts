// A cache in the memory of one process, bounded by bytes; the least recently used goes first.
import { LRUCache } from "lru-cache";
import { assertCacheKey, assertTimeToLive, type Cache } from "./cache.js";

/** Roughly what an entry costs beside its bytes. */
const entryOverheadBytes = 256;

export function memoryCache({ bytesMax }: { bytesMax: number }): Cache {
  const entries = new LRUCache<string, Uint8Array>({
    maxSize: bytesMax,
    sizeCalculation: (bytes, key) => bytes.length + 2 * key.length + entryOverheadBytes,
  });
  return {
    async get(key) {
      assertCacheKey(key);
      return entries.get(key)?.slice();
    },
    async set(key, bytes, ttlMs) {
      assertCacheKey(key);
      assertTimeToLive(ttlMs);
      entries.set(key, bytes.slice(), { ttl: ttlMs });
    },
    async delete(key) {
      assertCacheKey(key);
      entries.delete(key);
    },
  };
}
