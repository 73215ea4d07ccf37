// The shared cache of search results: what is asked of it, what is kept, and what is not believed.
import { describe, expect, it } from "vitest";
import { SearchChannelReply } from "../../src/messages/reply.js";
import type { Effect } from "../../src/system/actor.js";
import type { ComputeResult } from "../../src/system/compute.js";
import { every, one } from "./driven.js";
import { anyAge, deleted, inserted, job, QueryWorld, replies, ticked } from "./query-world.js";

function serving(settings = { caches: true }): QueryWorld {
  const world = new QueryWorld(settings);
  world.serveFromNothing();
  world.log(inserted(1, 2));
  return world;
}

const found: ComputeResult = {
  kind: "searched",
  counts: [2],
  distances: Float64Array.of(1, 2),
  rows: new Uint8Array([7]),
};
const miss = (world: QueryWorld, effects: readonly Effect[], bytes: Uint8Array | null = null) =>
  world.tell({ kind: "CacheRead", id: one(effects, "readCache").id, bytes });
const keyOf = (effects: readonly Effect[]) => one(effects, "readCache").key;

/** A search that found nothing in the cache: what it keeps there. */
function kept(world: QueryWorld): Extract<Effect, { kind: "writeCache" }> {
  const effects = miss(world, world.search());
  return one(world.computed(job(effects, "search").id, found), "writeCache");
}

describe("the cache of search results", () => {
  it("is asked first, then the threads, and gets the answer under the same key", () => {
    const world = serving();
    const asked = world.search();
    expect(every(asked, "compute")).toEqual([]);
    const missed = miss(world, asked);
    const answered = world.computed(job(missed, "search").id, found);
    expect(replies(answered)).toMatchObject([{ counts: [2], failure: null, sequence: 1 }]);
    expect(one(answered, "writeCache").key).toBe(keyOf(asked));
  });

  it("spares the search when it has the answer, which is as of the position asked for", () => {
    const world = serving();
    const { key, bytes } = kept(world);
    world.log(ticked);
    const asked = world.search();
    expect(keyOf(asked)).toBe(key);
    world.log(inserted(3));
    const answered = miss(world, asked, bytes);
    expect(every(answered, "compute")).toEqual([]);
    const request = "2";
    const reply = { request, proxy: "p1", counts: [2], sequence: 2, rows: Buffer.of(7) };
    expect(replies(answered)).toMatchObject([reply]);
    expect(one(answered, "acknowledge").delivery).toBe("d2");
  });

  it("is left out where there is none, and for reads of the past", () => {
    job(serving({ caches: false }).search(), "search");
    const past = serving().search({ view: { ...anyAge, asOfSequence: 1 } });
    expect(every(past, "readCache")).toEqual([]);
  });

  it("has a key for all that an answer depends on", () => {
    const world = serving();
    const keys = [keyOf(world.search()), keyOf(world.search({ limit: 4 }))];
    for (const asked of [
      { ef: 17 },
      { exact: true },
      { filter: "id > 1" },
      { outputFields: ["id"] },
      { vectors: new Uint8Array(8).fill(1) },
      { vectors: new Uint8Array(16), count: 2 },
    ]) {
      keys.push(keyOf(serving().search(asked)));
    }
    expect(new Set(keys).size).toBe(keys.length);
    expect(keyOf(world.search({ view: { ...anyAge, sessionSequence: 1 } }))).toBe(keys[0]);
    world.log(deleted(1));
    expect(keys).not.toContain(keyOf(serving().search({ limit: 5 })));
    const later = new QueryWorld({ caches: true, readsMax: 64 });
    later.serveFromNothing();
    later.log(inserted(1, 2));
    const before = keyOf(later.search());
    expect(before).toBe(keys[0]);
    later.log(deleted(9));
    expect(keyOf(later.search())).not.toBe(before);
  });

  it("is not believed when what it gives is no answer to this search", () => {
    const world = serving();
    const { bytes } = kept(world);
    const decoded = SearchChannelReply.decode(bytes);
    if (!decoded.ok) throw new Error(decoded.reason);
    const wrong = [
      bytes.subarray(0, bytes.length / 2),
      new Uint8Array(0),
      new Uint8Array(40).fill(0xc1),
      SearchChannelReply.encode({ ...decoded.message, counts: [1, 1] }),
      SearchChannelReply.encode({ ...decoded.message, counts: [4] }),
      SearchChannelReply.encode({ ...decoded.message, counts: [3, -1] }),
      SearchChannelReply.encode({ ...decoded.message, rows: null }),
      SearchChannelReply.encode({ ...decoded.message, distances: new Uint8Array(8) }),
    ];
    for (const lie of wrong) {
      const effects = miss(world, world.search(), lie);
      expect(replies(effects)).toEqual([]);
      world.computed(job(effects, "search").id, found);
    }
  });

  it("does not get answers that are large", () => {
    const world = serving();
    const effects = miss(world, world.search());
    const large = { ...found, rows: new Uint8Array(100_000) };
    expect(every(world.computed(job(effects, "search").id, large), "writeCache")).toEqual([]);
  });
});
