// When a data worker has itself woken: idle ones cost nothing, and what is due is not late.
import { describe, expect, it } from "vitest";
import type { Effect } from "../../src/system/actor.js";
import { DataWorld } from "./data-world.js";
import { every, one } from "./driven.js";
import { inserted, ticked } from "./query-world.js";
import { recordWith } from "./small-collection.js";

const looks = (effects: readonly Effect[]) =>
  every(effects, "timer").flatMap(({ id, afterMs }) => (id === "tick" ? [afterMs] : []));

/** Fires what it sets, until that is an hour away. */
function atRest(record = recordWith(), quietMs = 20_000): DataWorld {
  const world = new DataWorld(2 ** 30, quietMs);
  world.own(null, record);
  const next = () => looks(world.effects).at(-1) ?? Number.NaN;
  for (let left = 20; left > 0 && next() < 3_600_000; left -= 1) world.pass(next(), "tick");
  expect(next()).toBe(3_600_000);
  return world;
}

describe("the timer of a data worker", () => {
  it("waits for what is due next: word of its size, quiet, age", () => {
    const world = atRest(recordWith({}, { sealAgeMs: 600_000 }));
    expect(looks(world.log(inserted(1)))).toEqual([500]);
    expect(looks(world.log(inserted(2)))).toEqual([]);
    expect(looks(world.pass(2_000, "tick"))).toEqual([18_000]);
    expect(looks(world.pass(18_000, "tick"))).toEqual([580_000]);
    expect(every(world.pass(580_000, "tick"), "append")).toHaveLength(1);
  });

  it("fires soon as long as anything is in hand, also when a long wait had begun", () => {
    const world = atRest(recordWith({}, { sealRows: 1 }));
    const sealing = world.log(inserted(1));
    expect(every(sealing, "append")).toHaveLength(1);
    expect(looks(sealing)).toEqual([500]);
    for (let left = 8; left > 0; left -= 1) {
      expect(looks(world.pass(500, "tick"))).toEqual([500]);
    }
  });

  it("fires soon after a seal that the log did not take, long after the last row too", () => {
    const world = atRest(recordWith({}, { sealRows: 1 }), 100);
    const { id } = one(world.log(inserted(1)), "append");
    for (let left = 8; left > 0; left -= 1) world.pass(500, "tick");
    world.monotonicMs += 100;
    world.tell({ kind: "AppendFailed", id, reason: "full", detail: "90%" });
    // At 400 ms the pause after the failure still lasts, and nothing else is in hand.
    const paused = world.pass(400, "tick");
    expect(every(paused, "append")).toEqual([]);
    expect(looks(paused)).toEqual([500]);
    expect(every(world.pass(500, "tick"), "append")).toHaveLength(1);
  });

  it("comes in time when a range's age is what is due", () => {
    const world = atRest(recordWith({}, { sealAgeMs: 700 }), 100);
    world.log(ticked);
    world.pass(500, "tick");
    expect(every(world.pass(500, "tick"), "append")).toHaveLength(1);
  });
});
