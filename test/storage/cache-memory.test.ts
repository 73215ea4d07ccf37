// The memory cache stays within its bytes and forgets what was used longest ago.
import { expect, it } from "vitest";
import { memoryCache } from "../../src/storage/cache-memory.js";

const hourMs = 3_600_000;
const kilobytes = (count: number): Uint8Array => new Uint8Array(count * 1024);

it("forgets the least recently used first", async () => {
  const cache = memoryCache({ bytesMax: 9_000 });
  for (const key of ["a", "b", "c"]) await cache.set(key, kilobytes(3), hourMs);
  expect(await cache.get("a")).toBeUndefined();
  expect(await cache.get("b")).toHaveLength(3072);
  await cache.set("d", kilobytes(3), hourMs);
  expect(await cache.get("c")).toBeUndefined();
  expect(await cache.get("b")).toHaveLength(3072);
});

it("does not keep what is larger than itself, nor the value that it was to replace", async () => {
  const cache = memoryCache({ bytesMax: 10_000 });
  await cache.set("a", kilobytes(1), hourMs);
  await cache.set("a", kilobytes(20), hourMs);
  expect(await cache.get("a")).toBeUndefined();
});

it("counts keys and empty values too, so that no number of them is free", async () => {
  const cache = memoryCache({ bytesMax: 100_000 });
  for (let key = 0; key < 1000; key++) await cache.set(`k${key}`, kilobytes(0), hourMs);
  const kept = await Promise.all(Array.from({ length: 1000 }, (_, key) => cache.get(`k${key}`)));
  expect(kept.filter((bytes) => bytes !== undefined).length).toBeLessThan(400);
});
