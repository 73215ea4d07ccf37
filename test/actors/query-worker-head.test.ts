// A barrier that writes nothing: how far the log reaches is asked for, and read up to.
import { describe, expect, it } from "vitest";
import { Ticked } from "../../src/messages/wal.js";
import type { Effect } from "../../src/system/actor.js";
import { every, one } from "./driven.js";
import { away, channel, inserted, job, jobs, QueryWorld } from "./query-world.js";

/** Serving, and its first tick was read back: for a second none is due. */
function ticked(): QueryWorld {
  const world = new QueryWorld();
  world.serveFromNothing();
  world.passBarrier(one(world.read({ maxAgeMs: 0 }), "append"));
  return world;
}

const reaching = (world: QueryWorld, asked: readonly Effect[], sequence: number) =>
  world.tell({
    kind: "HeadRead",
    id: one(asked, "readHead").id,
    result: { ok: true, sequence },
  });

describe("the end of the log", () => {
  it("is asked for by a strong read, which sees all up to there", () => {
    const world = ticked();
    const asked = world.read({ maxAgeMs: 0 });
    expect([one(asked, "readHead").channel, every(asked, "append")]).toEqual([channel, []]);
    expect(jobs(reaching(world, asked, 3), "scan")).toEqual([]);
    expect(jobs(world.log(inserted(1)), "scan")).toEqual([]);
    expect(job(world.log(inserted(2)), "scan").job.at).toBe(3);
  });

  it("may be what was read already, or less by the time that it is heard", () => {
    const world = ticked();
    expect(job(reaching(world, world.read({ maxAgeMs: 0 }), 1), "scan").job.at).toBe(1);
    const asked = world.read({ maxAgeMs: 0 });
    world.log(inserted(1));
    expect(job(reaching(world, asked, 1), "scan").job.at).toBe(2);
  });

  it("serves none that came after it was asked for", () => {
    const world = ticked();
    const asked = world.read({ maxAgeMs: 0 });
    expect(every(world.read({ maxAgeMs: 0 }), "readHead")).toEqual([]);
    const effects = reaching(world, asked, 1);
    expect(jobs(effects, "scan")).toHaveLength(1);
    expect(jobs(reaching(world, effects, 1), "scan")).toHaveLength(1);
  });

  it("is asked for again when there was no answer, or one that lacks what was read", () => {
    const world = ticked();
    const { id } = one(world.read({ maxAgeMs: 0 }), "readHead");
    expect(world.tell({ kind: "HeadRead", id, result: away })).toEqual([]);
    expect(world.report().cause).toContain("away");
    const again = world.pass(500, "sweep");
    expect(jobs(reaching(world, again, 0), "scan")).toEqual([]);
    const third = world.pass(400, "sweep");
    expect(jobs(reaching(world, third, 1), "scan")).toHaveLength(1);
    expect(world.report().cause).toBeNull();
  });

  it("is not told in a cluster: a tick takes its place, until there is another connection", () => {
    const world = ticked();
    const { id } = one(world.read({ maxAgeMs: 0 }), "readHead");
    const refused = world.tell({ kind: "HeadRead", id, result: { ok: false, reason: "refused" } });
    const tick = one(refused, "append");
    expect(tick.message.kind).toBe(Ticked.kind);
    expect(jobs(world.passBarrier(tick), "scan")).toHaveLength(1);
    expect(every(world.read({ maxAgeMs: 0 }), "append")).toHaveLength(1);
    world.tell({ kind: "Reconnected", connection: 2 });
    expect(world.state.isHeadRefused).toBe(false);
  });
});

describe("a tick", () => {
  it("is sent once a second all the same, so that the time that answers name goes on", () => {
    const world = ticked();
    const asked = world.pass(900, "none").concat(world.read({ maxAgeMs: 0 }));
    reaching(world, asked, 1);
    world.pass(200, "none");
    expect(every(world.read({ maxAgeMs: 0 }), "append")).toHaveLength(1);
  });

  it("is what a read of a time just now waits for, whatever is asked besides", () => {
    const world = ticked();
    const future = world.read({ asOfTimestamp: (1_700_000_000_500n + 0n) << 18n });
    expect([every(future, "append").length, every(future, "readHead").length]).toEqual([1, 0]);
  });
});
