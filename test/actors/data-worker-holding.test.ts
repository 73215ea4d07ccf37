// The data worker while the object store is away: it reads the log no further than its budget.
import { describe, expect, it } from "vitest";
import { unflushedBytes } from "../../src/actors/data-worker/holding.js";
import { DataWorld, manifestIn } from "./data-world.js";
import { every, one, published } from "./driven.js";
import { away, inserted, job, jobs, sealed } from "./query-world.js";
import { recordWith } from "./small-collection.js";

/** About five entries of one small row each. */
const budget = 3_000;
const twoRows = recordWith({}, { sealRows: 2 });

function owning(bytes = budget): DataWorld {
  const world = new DataWorld(bytes);
  world.own(null, twoRows);
  return world;
}

/** Rows come until the worker asks for no more. */
function filled(world: DataWorld) {
  for (let key = 1; key < 100; key += 1) {
    const effects = world.log(inserted(key));
    if (every(effects, "hold").length > 0) return effects;
  }
  throw new Error("it was never held");
}

describe("a budget for rows that wait for the object store", () => {
  it("holds the log, cuts where the seal would, and seals no more meanwhile", () => {
    const world = owning();
    const effects = filled(world);
    expect(job(effects, "encodeSegment").job.entries.map(({ sequence }) => sequence)).toEqual([
      1, 2,
    ]);
    expect(unflushedBytes(world.state)).toBeLessThan(2 * budget);
    expect(every(world.tick(60_000), "append")).toEqual([]);
    expect(world.state.fold?.boundary).toBe(2);
  });

  it("flushes range by range until there is room, then reads on", () => {
    const world = owning();
    const first = world.stored(world.encoded(filled(world), 2));
    expect(manifestIn(first).checkpoint.sequence).toBe(2);
    const released: boolean[] = [];
    let effects = world.committed(first);
    while (world.state.isHeld) {
      released.push(every(effects, "release").length > 0);
      effects = world.flushed(effects, 2);
    }
    expect(one(effects, "release").channel).toBe("c1-0");
    expect(released).not.toContain(true);
    expect(unflushedBytes(world.state)).toBeLessThan(budget);
  });

  it("passes over the seal that it had not read yet, and cuts on at others", () => {
    const world = owning();
    const own = one([...world.log(inserted(1)), ...world.log(inserted(2))], "append");
    let effects = filled(world);
    while (world.state.isHeld) effects = world.flushed(effects, 2);
    const cutAt = world.state.fold?.boundary;
    expect(cutAt).toBeGreaterThanOrEqual(2);
    world.sealRead(own);
    expect(world.state.fold?.boundary).toBe(cutAt);
    expect(world.state.open.from).toBe(cutAt);
    world.log(sealed());
    expect(world.state.open.from).toBe(world.sequence - 1);
  });

  it("holds during the replay, too, where no seal may follow for long", () => {
    const world = new DataWorld(budget);
    world.written(world.begin(null, twoRows));
    world.tell({ kind: "FollowStarted", channel: "c1-0", lastSequence: 1_000 });
    const effects = filled(world);
    expect(world.state.phase).toBe("replaying");
    expect(jobs(effects, "encodeSegment")).toHaveLength(1);
    expect(every(world.flushed(effects, 2), "append")).toEqual([]);
  });

  it("asks a store that stays away ever more seldom", () => {
    const world = owning();
    let effects = filled(world);
    const tries: number[] = [];
    for (let ms = 0; ms < 120_000; ms += 500) {
      const encodes = jobs(effects, "encodeSegment");
      if (encodes.length > 0) {
        tries.push(ms);
        const { id } = one(world.encoded(effects, 2), "writeObject");
        world.tell({ kind: "ObjectWritten", id, result: away });
      }
      effects = world.tick();
    }
    expect(tries.length).toBeGreaterThan(6);
    expect(tries.length).toBeLessThan(16);
    expect(world.state.isHeld).toBe(true);
  });
});

describe("word of the channel", () => {
  it("tells position, size and whether it is held, and nothing while nothing happens", () => {
    const world = owning();
    world.log(inserted(1));
    const told = published(world.measures(3_000));
    expect(told).toMatchObject([{ kind: "ChannelMeasured", position: 1, held: false }]);
    expect(world.measures(3_000)).toEqual([]);
    filled(world);
    expect(published(world.measures(100))).toMatchObject([{ held: true }]);
  });
});
