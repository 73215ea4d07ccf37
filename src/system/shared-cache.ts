// What hosts share through Redis: none of it is needed, and none of it is believed unread.
import type { Counters } from "../storage/counters.js";
import { type SealedCache, sealedCache } from "../storage/sealed-cache.js";

export interface SharedCacheSettings {
  /** Several clusters may share a Redis: their keys begin with `elanus:<cluster>:`. */
  readonly cluster: string;
  /** `redis://[user:password@]host:port[/database]`, or `rediss:` with TLS. */
  readonly url: string;
  /** The same on all hosts of the cluster: it tells our values from others'. */
  readonly secret: string;
}

export interface SharedCache {
  readonly results: SealedCache;
  readonly counters: Counters;
  close(): void;
}

/** Keys name positions of the log that pass: an older answer is hardly ever asked for. */
const resultTtlMs = 300_000;

/** Does not wait for a connection. */
export async function openSharedCache({
  cluster,
  url,
  secret,
}: SharedCacheSettings): Promise<SharedCache> {
  // Loaded only where it is used.
  const { RedisLink, redisCache, redisCounters } = await import("../storage/cache-redis.js");
  const link = new RedisLink(url, undefined, `elanus:${cluster}:`);
  const results = sealedCache(redisCache(link), { name: "search", secret, ttlMs: resultTtlMs });
  return { results, counters: redisCounters(link), close: () => link.close() };
}
