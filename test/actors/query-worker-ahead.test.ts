// A strong search that is alone begins before its barrier has passed, and is believed only if no
// row has changed by then.
import { describe, expect, it } from "vitest";
import type { Effect } from "../../src/system/actor.js";
import type { ComputeResult } from "../../src/system/compute.js";
import { every, one } from "./driven.js";
import {
  anyAge,
  deleted,
  inserted,
  job,
  jobs,
  QueryWorld,
  replies,
  sealed,
  ticked,
} from "./query-world.js";

const strong = { ...anyAge, maxAgeMs: 0 };
const search = (world: QueryWorld, asked = {}) => world.search({ view: strong, ...asked });

function serving(settings = {}): QueryWorld {
  const world = new QueryWorld(settings);
  world.serveFromNothing();
  world.log(inserted(1, 2));
  return world;
}

const foundAt = (distance: number): ComputeResult => ({
  kind: "searched",
  counts: [1],
  distances: Float64Array.of(distance),
  rows: new Uint8Array([7]),
});

/** The distance of the only hit of the only reply. */
function distanceIn(effects: readonly Effect[]): number | undefined {
  const [reply] = replies(effects);
  if (reply?.kind !== "SearchChannelReply") return undefined;
  return new Float64Array(new Uint8Array(reply.distances).buffer)[0];
}

describe("what was found ahead of the barrier", () => {
  it("is the answer once the barrier has passed, as of the position reached then", () => {
    const world = serving();
    const asked = search(world);
    const found = world.computed(job(asked, "search").id, foundAt(4));
    expect(replies(found)).toEqual([]);
    world.log(ticked);
    world.log(sealed());
    const passed = world.passBarrier(one(asked, "append"));
    expect(jobs(passed, "search")).toEqual([]);
    expect(distanceIn(passed)).toBe(4);
    expect(replies(passed)).toMatchObject([{ sequence: 4 }]);
    expect(one(passed, "acknowledge").delivery).toBe("d1");
    expect(world.state.reads.size).toBe(0);
  });

  it("is the answer when it comes after the barrier", () => {
    const world = serving();
    const asked = search(world);
    const passed = world.passBarrier(one(asked, "append"));
    expect([jobs(passed, "search"), replies(passed)]).toEqual([[], []]);
    const found = world.computed(job(asked, "search").id, foundAt(4));
    expect([distanceIn(found), every(found, "acknowledge").length]).toEqual([4, 1]);
  });

  it.each([
    ["a row came", inserted(3)],
    ["a row went", deleted(1)],
  ])("is thrown away where %s meanwhile", (_, change) => {
    for (const isEarly of [true, false]) {
      const world = serving();
      const asked = search(world);
      const ahead = job(asked, "search").id;
      if (isEarly) world.computed(ahead, foundAt(4));
      world.log(change);
      const passed = world.passBarrier(one(asked, "append"));
      const again = job(passed, "search");
      expect([again.job.at, replies(passed)]).toEqual([3, []]);
      if (!isEarly) expect(replies(world.computed(ahead, foundAt(4)))).toEqual([]);
      expect(distanceIn(world.computed(again.id, foundAt(9)))).toBe(9);
    }
  });

  it("is looked for again when it failed, before the barrier or after", () => {
    for (const isEarly of [true, false]) {
      const world = serving();
      const asked = search(world);
      const failed = { ok: false, detail: "the thread crashed" } as const;
      const fail = () =>
        world.tell({ kind: "Computed", id: job(asked, "search").id, result: failed });
      if (isEarly) fail();
      const passed = world.passBarrier(one(asked, "append"));
      const again = job(isEarly ? passed : fail(), "search");
      expect(distanceIn(world.computed(again.id, foundAt(9)))).toBe(9);
    }
  });
});

describe("nothing is looked for ahead", () => {
  it("where others wait, nor of many vectors, nor past a cache", () => {
    const busy = serving();
    search(busy);
    expect(jobs(search(busy), "search")).toEqual([]);
    const two = { vectors: new Uint8Array(16), count: 2 };
    expect(jobs(search(serving(), two), "search")).toEqual([]);
    expect(jobs(search(serving({ caches: true })), "search")).toEqual([]);
  });
});
