// What every metadata store must do.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { MetadataStore, WriteOutcome } from "../../src/storage/metadata-store.js";

export interface OpenMetadataStore {
  readonly store: MetadataStore;
  close?(): Promise<void>;
}

const conflict = { ok: false, reason: "conflict" };
export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

export function revisionOf(outcome: WriteOutcome): number {
  if (!outcome.ok) throw new Error("the write met a conflict");
  return outcome.revision;
}

export function metadataStoreContract(name: string, open: () => Promise<OpenMetadataStore>): void {
  describe(`metadata store: ${name}`, () => {
    let opened: OpenMetadataStore;
    let store: MetadataStore;
    beforeAll(async () => {
      opened = await open();
      store = opened.store;
    });
    afterAll(() => opened.close?.());

    const holds = async (key: string): Promise<string | undefined> => {
      const stored = await store.get(key);
      return stored && new TextDecoder().decode(stored.value);
    };

    it("creates a key once", async () => {
      expect(await store.get("create.a")).toBeUndefined();
      const revision = revisionOf(await store.create("create.a", bytesOf("one")));
      expect(await store.get("create.a")).toEqual({ value: bytesOf("one"), revision });
      expect(await store.create("create.a", bytesOf("two"))).toEqual(conflict);
      expect(await holds("create.a")).toBe("one");
    });

    it("updates at the expected revision only, and revisions grow", async () => {
      const first = revisionOf(await store.create("update.a", bytesOf("one")));
      const second = revisionOf(await store.update("update.a", bytesOf("two"), first));
      expect(second).toBeGreaterThan(first);
      expect(await store.update("update.a", bytesOf("late"), first)).toEqual(conflict);
      expect(await store.update("update.a", bytesOf("early"), second + 1)).toEqual(conflict);
      expect(await store.update("update.never", bytesOf("x"), first)).toEqual(conflict);
      expect(await store.get("update.a")).toEqual({ value: bytesOf("two"), revision: second });
      expect(await store.get("update.never")).toBeUndefined();
    });

    it("takes a repeated write for the one it repeats", async () => {
      const created = await store.create("repeat.a", bytesOf("token 1"));
      expect(await store.create("repeat.a", bytesOf("token 1"))).toEqual(created);
      const updated = await store.update("repeat.a", bytesOf("token 2"), revisionOf(created));
      const again = await store.update("repeat.a", bytesOf("token 2"), revisionOf(created));
      expect(again).toEqual(updated);
      const later = await store.update("repeat.a", bytesOf("token 3"), revisionOf(updated));
      expect(await store.update("repeat.a", bytesOf("token 2"), revisionOf(created))).toEqual(
        conflict,
      );
      expect((await store.get("repeat.a"))?.revision).toBe(revisionOf(later));
    });

    it("writes the same bytes anew over a revision that is the present one", async () => {
      const first = revisionOf(await store.create("same.a", bytesOf("x")));
      const second = revisionOf(await store.update("same.a", bytesOf("x"), first));
      expect(second).toBeGreaterThan(first);
    });

    it("deletes at the expected revision, once or twice, and creates again", async () => {
      const first = revisionOf(await store.create("delete.a", bytesOf("one")));
      const second = revisionOf(await store.update("delete.a", bytesOf("two"), first));
      expect(await store.delete("delete.a", first)).toEqual(conflict);
      expect(await store.delete("delete.a", second)).toEqual({ ok: true, revision: second });
      expect(await store.delete("delete.a", second)).toEqual({ ok: true, revision: second });
      expect(await store.get("delete.a")).toBeUndefined();
      expect(await store.update("delete.a", bytesOf("late"), second)).toEqual(conflict);
      const third = revisionOf(await store.create("delete.a", bytesOf("three")));
      expect(third).toBeGreaterThan(second);
      expect(await store.delete("delete.a", second)).toEqual(conflict);
      expect(await holds("delete.a")).toBe("three");
    });

    it("lists keys and values by any beginning of a key, in order, without deleted ones", async () => {
      for (const key of ["list.b.2", "list.b.10", "list.a", "list.bc", "listed.a"]) {
        await store.create(key, bytesOf(key));
      }
      const last = revisionOf(await store.create("list.zzz", bytesOf("gone")));
      await store.delete("list.zzz", last);
      const keysOf = async (prefix: string) => (await store.list(prefix)).map(({ key }) => key);
      expect(await keysOf("list.")).toEqual(["list.a", "list.b.10", "list.b.2", "list.bc"]);
      expect(await keysOf("list.b")).toEqual(["list.b.10", "list.b.2", "list.bc"]);
      expect(await keysOf("list.b.")).toEqual(["list.b.10", "list.b.2"]);
      expect(await keysOf("list.zzz")).toEqual([]);
      expect(await keysOf("none.")).toEqual([]);
      expect(await keysOf("")).toEqual(expect.arrayContaining(["list.a", "listed.a"]));
      for (const record of await store.list("list.")) {
        expect(await store.get(record.key)).toEqual({
          value: bytesOf(record.key),
          revision: record.revision,
        });
      }
    });

    it("lists what was made, changed, deleted and made again since the last list", async () => {
      const all = new Map<string, string>();
      const revisions = new Map<string, number>();
      const put = async (key: string, value: string) => {
        const [bytes, known] = [bytesOf(value), revisions.get(key)];
        const wrote = await (known ? store.update(key, bytes, known) : store.create(key, bytes));
        revisions.set(key, revisionOf(wrote));
        all.set(key, value);
      };
      const remove = async (key: string) => {
        await store.delete(key, revisions.get(key) as number);
        revisions.delete(key);
        all.delete(key);
      };
      const expectAll = async () => {
        const listed = await store.list("again.");
        const texts = listed.map(({ key, value }) => [key, new TextDecoder().decode(value)]);
        expect(texts).toEqual([...all].sort());
        expect(listed.map(({ key, revision }) => [key, revision])).toEqual([...revisions].sort());
      };
      for (let n = 0; n < 20; n += 1) await put(`again.k${n}`, "first");
      await expectAll();
      await expectAll();
      await put("again.k3", "second");
      await put("again.b", "new");
      await put("againother", "not asked for");
      all.delete("againother");
      revisions.delete("againother");
      await expectAll();
      await remove("again.k5");
      await remove("again.k3");
      await put("again.k3", "third");
      await expectAll();
      for (let n = 6; n < 16; n += 1) await put(`again.k${n}`, "many");
      await remove("again.k19");
      await expectAll();
      for (const key of [...all.keys()]) await remove(key);
      await expectAll();
    });

    it("never leaves a key out of a list, whoever writes meanwhile", async () => {
      const keys = Array.from({ length: 40 }, (_, index) => `busy.k${index}`);
      const revisions = new Map<string, number>();
      for (const key of keys) revisions.set(key, revisionOf(await store.create(key, bytesOf("0"))));
      let writing = true;
      const writers = [0, 1, 2, 3].map(async (offset) => {
        for (let round = 1; writing; round++) {
          const key = keys[(round * 4 + offset) % keys.length] as string;
          const outcome = await store.update(
            key,
            bytesOf(`${round}`),
            revisions.get(key) as number,
          );
          revisions.set(key, revisionOf(outcome));
        }
      });
      const counts = [];
      for (let round = 0; round < 30; round++) counts.push((await store.list("busy.")).length);
      writing = false;
      await Promise.all(writers);
      expect(new Set(counts)).toEqual(new Set([keys.length]));
    });

    it("lets exactly one of many writers win each round", async () => {
      let revision = revisionOf(await store.create("race.a", bytesOf("start")));
      for (let round = 0; round < 10; round++) {
        const outcomes = await Promise.all(
          Array.from({ length: 30 }, (_, writer) =>
            store.update("race.a", bytesOf(`${round} ${writer}`), revision),
          ),
        );
        const winners = outcomes.flatMap((outcome, writer) => (outcome.ok ? [writer] : []));
        expect(winners).toHaveLength(1);
        expect(await holds("race.a")).toBe(`${round} ${winners[0]}`);
        revision = (await store.get("race.a"))?.revision as number;
      }
      const creates = await Promise.all(
        Array.from({ length: 30 }, (_, writer) => store.create("race.b", bytesOf(`${writer}`))),
      );
      expect(creates.filter(({ ok }) => ok)).toHaveLength(1);
    });

    it("keeps a value apart from its writer's and its readers' memory", async () => {
      const bytes = bytesOf("original");
      await store.create("alias.a", bytes);
      bytes.fill(0);
      (await store.get("alias.a"))?.value.fill(1);
      expect(await holds("alias.a")).toBe("original");
    });

    it("keeps empty values and values of any bytes", async () => {
      const every = Uint8Array.from({ length: 256 }, (_, index) => index);
      await store.create("bytes.every", every);
      await store.create("bytes.empty", new Uint8Array(0));
      expect((await store.get("bytes.every"))?.value).toEqual(every);
      expect((await store.get("bytes.empty"))?.value).toEqual(new Uint8Array(0));
      expect(await store.list("bytes.")).toHaveLength(2);
    });

    it("refuses what is no key, no revision, or too large", async () => {
      const value = bytesOf("x");
      for (const key of ["", ".", "a.", ".a", "a..b", "a b", "a*", "a.>", "a/b", "ü", "a\n"]) {
        await expect(store.get(key), key).rejects.toThrow("no metadata key");
        await expect(store.create(key, value), key).rejects.toThrow("no metadata key");
        await expect(store.update(key, value, 1), key).rejects.toThrow("no metadata key");
        await expect(store.delete(key, 1), key).rejects.toThrow("no metadata key");
      }
      for (const revision of [0, -1, 1.5, Number.NaN]) {
        await expect(store.update("a", value, revision)).rejects.toThrow("no revision");
        await expect(store.delete("a", revision)).rejects.toThrow("no revision");
      }
      await expect(store.create("a", new Uint8Array(600_000))).rejects.toThrow("600000 bytes");
      await expect(store.list("a.*")).rejects.toThrow("no prefix");
    });
  });
}
