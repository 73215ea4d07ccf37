// The caches against their contract.
import { memoryCache } from "../../src/storage/cache-memory.js";
import { redisCache } from "../../src/storage/cache-redis.js";
import { cacheContract } from "./cache.js";
import { startTestRedis, untilReady } from "./redis-server.js";

/** So patient that a busy machine is not taken for a Redis that is away. */
const patient = { commandMs: 5_000, restMs: 100, failuresInARow: 3, silenceMs: 10_000 };

cacheContract("memory", async () => ({
  cache: memoryCache({ bytesMax: 1_000_000 }),
}));

cacheContract("Redis", async () => {
  const redis = await startTestRedis();
  const link = redis.open(patient);
  await untilReady(link);
  return { cache: redisCache(link), close: redis.close };
});
