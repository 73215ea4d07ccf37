// What every object store must do.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ObjectStore } from "../../src/storage/object-store.js";

export interface OpenObjectStore {
  readonly store: ObjectStore;
  close?(): Promise<void>;
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

export function objectStoreContract(name: string, open: () => Promise<OpenObjectStore>): void {
  describe(`object store: ${name}`, () => {
    let opened: OpenObjectStore;
    let store: ObjectStore;
    beforeAll(async () => {
      opened = await open();
      store = opened.store;
    });
    afterAll(() => opened.close?.());

    it("gives back what was put, of any size", async () => {
      const large = Uint8Array.from({ length: 3_000_001 }, (_, index) => (index * 31) % 251);
      await store.put("round/large.bin", large);
      await store.put("round/empty", new Uint8Array(0));
      const read = await store.get("round/large.bin");
      expect(Buffer.compare(read as Uint8Array, large)).toBe(0);
      expect(await store.get("round/empty")).toEqual(new Uint8Array(0));
    });

    it("knows nothing of a missing object, nor of a key's folder", async () => {
      await store.put("missing/folder/object", bytesOf("x"));
      expect(await store.get("missing/other")).toBeUndefined();
      expect(await store.get("missing/folder")).toBeUndefined();
      expect(await store.get("missing/folder/object/below")).toBeUndefined();
    });

    it("accepts the same object again and refuses another one under its key", async () => {
      await store.put("again/a", bytesOf("one"));
      await store.put("again/a", bytesOf("one"));
      await expect(store.put("again/a", bytesOf("two"))).rejects.toThrow("other bytes");
      await expect(store.put("again/a", bytesOf("one longer"))).rejects.toThrow("other bytes");
      expect(await store.get("again/a")).toEqual(bytesOf("one"));
    });

    it("lets one of many writers of a key win, and tells the others", async () => {
      const bodies = Array.from({ length: 20 }, (_, writer) => bytesOf(`writer ${writer}`));
      const outcomes = await Promise.allSettled(bodies.map((body) => store.put("race/a", body)));
      expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
      const winner = outcomes.findIndex(({ status }) => status === "fulfilled");
      expect(await store.get("race/a")).toEqual(bodies[winner]);
    });

    it("keeps an object apart from its writer's and its readers' memory", async () => {
      const bytes = bytesOf("original");
      await store.put("alias/a", bytes);
      bytes.fill(0);
      (await store.get("alias/a"))?.fill(1);
      expect(await store.get("alias/a")).toEqual(bytesOf("original"));
    });

    it("deletes, once or twice", async () => {
      await store.put("deleted/a", bytesOf("x"));
      await store.delete("deleted/a");
      await store.delete("deleted/a");
      await store.delete("deleted/never/there");
      expect(await store.get("deleted/a")).toBeUndefined();
      expect(await store.list("deleted/")).toEqual([]);
    });

    it("lists by any beginning of a key, in order", async () => {
      const keys = ["list/b/2", "list/b/10", "list/a", "list/bc", "listed/a"];
      for (const key of keys) await store.put(key, bytesOf(key));
      expect(await store.list("list/")).toEqual(["list/a", "list/b/10", "list/b/2", "list/bc"]);
      expect(await store.list("list/b")).toEqual(["list/b/10", "list/b/2", "list/bc"]);
      expect(await store.list("list/b/1")).toEqual(["list/b/10"]);
      expect(await store.list("list/none/")).toEqual([]);
      expect(await store.list("")).toEqual(expect.arrayContaining(keys));
    });

    it("refuses keys that could leave their folder", async () => {
      const hostile = ["", "/a", "a/", "a//b", "..", "../a", "a/../b", ".", "a/.", ".incoming/a"];
      const odd = ["a b", "a\0", "a\\b", "%2e%2e", "ü", "a\n", "a".repeat(1025)];
      for (const key of [...hostile, ...odd]) {
        await expect(store.put(key, bytesOf("x")), key).rejects.toThrow("no object key");
        await expect(store.get(key), key).rejects.toThrow("no object key");
        await expect(store.delete(key), key).rejects.toThrow("no object key");
      }
      for (const prefix of ["/", "../", "a/../", ".", "a//"]) {
        await expect(store.list(prefix), prefix).rejects.toThrow("no prefix");
      }
    });
  });
}
