// The cache in memory against the contract of caches.
import { memoryCache } from "../../src/storage/cache-memory.js";
import { cacheContract } from "./cache.js";

cacheContract("memory", async () => ({
  cache: memoryCache({ bytesMax: 1_000_000 }),
}));
