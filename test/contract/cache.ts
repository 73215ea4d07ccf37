// What every cache must do.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Cache } from "../../src/storage/cache.js";

export interface OpenCache {
  readonly cache: Cache;
  close?(): Promise<void>;
}

const hourMs = 3_600_000;
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

export function cacheContract(name: string, open: () => Promise<OpenCache>): void {
  describe(`cache: ${name}`, () => {
    let opened: OpenCache;
    let cache: Cache;
    beforeAll(async () => {
      opened = await open();
      cache = opened.cache;
    });
    afterAll(() => opened.close?.());

    it("gives back what was set, last value first", async () => {
      await cache.set("a", bytesOf("one"), hourMs);
      await cache.set("a", bytesOf("two"), hourMs);
      await cache.set("empty", new Uint8Array(0), hourMs);
      expect(await cache.get("a")).toEqual(bytesOf("two"));
      expect(await cache.get("empty")).toEqual(new Uint8Array(0));
      expect(await cache.get("b")).toBeUndefined();
    });

    it("deletes, once or twice", async () => {
      await cache.set("deleted", bytesOf("x"), hourMs);
      await cache.delete("deleted");
      await cache.delete("deleted");
      expect(await cache.get("deleted")).toBeUndefined();
    });

    it("forgets when the time to live has passed, counted from the last set", async () => {
      await cache.set("short", bytesOf("x"), 20);
      await cache.set("longer", bytesOf("x"), 20);
      await cache.set("longer", bytesOf("y"), hourMs);
      await sleep(60);
      expect(await cache.get("short")).toBeUndefined();
      expect(await cache.get("longer")).toEqual(bytesOf("y"));
    });

    it("keeps a value apart from its writer's and its readers' memory", async () => {
      const bytes = bytesOf("original");
      await cache.set("alias", bytes, hourMs);
      bytes.fill(0);
      (await cache.get("alias"))?.fill(1);
      expect(await cache.get("alias")).toEqual(bytesOf("original"));
    });

    it("refuses a lifetime that is none and an empty key", async () => {
      for (const ttlMs of [0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
        await expect(cache.set("a", bytesOf("x"), ttlMs)).rejects.toThrow("time to live");
      }
      await expect(cache.get("")).rejects.toThrow("cache key");
    });
  });
}
