// The query worker's reads: each sees exactly what its view asks for, or waits, or is refused.
import { describe, expect, it } from "vitest";
import { SearchChannel } from "../../src/messages/query.js";
import { every, one, published } from "./driven.js";
import {
  appendedAtMs,
  commitAt,
  counted,
  deleted,
  inserted,
  job,
  jobs,
  manifestOf,
  QueryWorld,
  replies,
  sealed,
  segmentOf,
} from "./query-world.js";

function serving(settings = {}): QueryWorld {
  const world = new QueryWorld(settings);
  world.serveFromNothing();
  return world;
}

/** Where nobody tells how far a log reaches. */
function servingInCluster(): QueryWorld {
  const world = serving();
  world.state.isHeadRefused = true;
  return world;
}

describe("a strong read", () => {
  it("waits for a barrier that was sent after it came, then sees all of the log so far", () => {
    const world = serving();
    world.log(inserted(1, 2));
    const effects = world.read({ maxAgeMs: 0 });
    expect(jobs(effects, "scan")).toEqual([]);
    const barrier = one(effects, "append");
    expect(barrier).toMatchObject({ connection: null, message: { kind: "Ticked" } });
    world.log(inserted(3));
    const { id, job: scan } = job(world.passBarrier(barrier), "scan");
    expect(scan).toMatchObject({ at: 3, views: [{ range: 1, rowCount: 3 }] });
    const done = world.computed(id, counted(3));
    expect(replies(done)).toMatchObject([{ count: 3, sequence: 3, failure: null, attempt: 0 }]);
    expect(one(done, "acknowledge").delivery).toBe("d1");
  });

  it("does not join the barrier in flight: a write may have been acknowledged since", () => {
    const world = servingInCluster();
    const first = one(world.read({ maxAgeMs: 0 }), "append");
    expect(every(world.read({ maxAgeMs: 0 }), "append")).toEqual([]);
    const effects = world.passBarrier(first);
    expect(jobs(effects, "scan")).toHaveLength(1);
    const second = one(effects, "append");
    world.log(inserted(1));
    expect(job(world.passBarrier(second), "scan").job.at).toBe(3);
  });

  it("shares its barrier with all that came before it was sent", () => {
    const world = servingInCluster();
    const first = one(world.read({ maxAgeMs: 0 }), "append");
    for (let count = 0; count < 3; count += 1) world.read({ maxAgeMs: 0 });
    const second = one(world.passBarrier(first), "append");
    expect(jobs(world.passBarrier(second), "scan")).toHaveLength(3);
  });

  it("tries another barrier when the log does not take one", () => {
    const world = serving();
    const { id } = one(world.read({ maxAgeMs: 0 }), "append");
    const failed = world.tell({ kind: "AppendFailed", id, reason: "full", detail: "90%" });
    expect(every(failed, "append")).toEqual([]);
    expect(world.report().cause).toContain("gives no barrier");
    const again = one(world.pass(500, "sweep"), "append");
    world.tell({ kind: "Appended", id: again.id, sequence: 1, duplicate: false });
    expect(world.report().cause).toBeNull();
    expect(jobs(world.passBarrier(again), "scan")).toHaveLength(1);
  });

  it("does not lose its barrier to the late failure of an earlier one", () => {
    const world = servingInCluster();
    const first = one(world.read({ maxAgeMs: 0 }), "append");
    world.passBarrier(first);
    const second = one(world.read({ maxAgeMs: 0 }), "append");
    const late = { kind: "AppendFailed", reason: "timeout", detail: "no answer" } as const;
    expect(world.tell({ ...late, id: first.id })).toEqual([]);
    expect(jobs(world.passBarrier(second), "scan")).toHaveLength(1);
  });

  it("sends another barrier when the log lost the first with its tail", () => {
    const world = serving();
    const { id } = one(world.read({ maxAgeMs: 0 }), "append");
    world.tell({ kind: "Appended", id, sequence: 1, duplicate: false });
    const effects = world.log(inserted(1));
    expect(jobs(effects, "scan")).toEqual([]);
    expect(jobs(world.passBarrier(one(effects, "append")), "scan")).toHaveLength(1);
  });

  it("sends another barrier when the log falls silent, not while it is merely far behind", () => {
    const world = serving();
    one(world.read({ maxAgeMs: 0 }), "append");
    for (let second = 0; second < 6; second += 1) {
      expect(every(world.pass(1_000, "sweep"), "append")).toEqual([]);
      world.log(inserted(second));
    }
    world.pass(2_900, "sweep");
    expect(every(world.pass(200, "sweep"), "append")).toHaveLength(1);
  });
});

describe("other views", () => {
  it("eventual: what is there, at once, without a tick", () => {
    const world = serving();
    world.log(inserted(1));
    const effects = world.read();
    expect(job(effects, "scan").job.at).toBe(1);
    expect(every(effects, "append")).toEqual([]);
  });

  it("bounded: served by a barrier no older than the age it bears", () => {
    const world = serving();
    world.passBarrier(one(world.read({ maxAgeMs: 0 }), "append"));
    world.monotonicMs += 900;
    expect(jobs(world.read({ maxAgeMs: 1_000 }), "scan")).toHaveLength(1);
    world.monotonicMs += 200;
    expect(every(world.read({ maxAgeMs: 1_000 }), "append")).toHaveLength(1);
  });

  it("session: waits for its position at any level", () => {
    const world = serving();
    expect(jobs(world.read({ sessionSequence: 2 }), "scan")).toEqual([]);
    expect(jobs(world.log(inserted(1)), "scan")).toEqual([]);
    expect(job(world.log(inserted(2)), "scan").job.at).toBe(2);
  });

  it("as of a position: the rows of then, however far the log has gone", () => {
    const world = serving();
    for (const key of [1, 2, 3]) world.log(inserted(key));
    expect(job(world.read({ asOfSequence: 2 }), "scan").job.at).toBe(2);
  });

  it("as of a time: the last position committed by then", () => {
    const world = serving();
    for (const key of [1, 2, 3]) world.log(inserted(key));
    world.wallMs = appendedAtMs + 100;
    const effects = world.read({ asOfTimestamp: commitAt(2) });
    const { id, job: scan } = job(effects, "scan");
    expect(scan.at).toBe(2);
    expect(replies(world.computed(id, counted(2)))).toMatchObject([{ readTimestamp: commitAt(2) }]);
  });

  it("as of a time just now: settled by a tick that commits at or past it", () => {
    const world = serving();
    world.log(inserted(1));
    const effects = world.read({ asOfTimestamp: commitAt(2) });
    expect(job(world.passBarrier(one(effects, "append")), "scan").job.at).toBe(1);
  });

  it("as of a time ahead: no more than ten ticks a second until it has come", () => {
    const world = serving();
    let barrier = one(world.read({ asOfTimestamp: commitAt(1_000_000) }), "append");
    let ticks = 1;
    for (let passed = 0; passed < 1_000; passed += 5) {
      world.monotonicMs += 5;
      const [next] = every(world.passBarrier(barrier), "append");
      if (next === undefined) continue;
      barrier = next;
      ticks += 1;
    }
    expect(ticks).toBeGreaterThan(2);
    expect(ticks).toBeLessThanOrEqual(11);
  });

  it("as of before the window: refused with the oldest readable time", () => {
    const world = serving();
    world.log(inserted(1));
    world.wallMs = appendedAtMs + 700_000;
    const [reply] = replies(world.read({ asOfTimestamp: commitAt(1) }));
    expect(reply).toMatchObject({ failure: { code: "as-of-too-old", retryable: false } });
  });

  it("as of a position that was current within the window: served, however old", () => {
    const world = serving();
    world.log(inserted(1));
    world.wallMs = appendedAtMs + 10_000_000;
    expect(jobs(world.read({ asOfSequence: 1 }), "scan")).toHaveLength(1);
  });
});

describe("a read", () => {
  it("that nobody waits for any more is not run, only taken off the queue", () => {
    const world = serving();
    const effects = world.read({}, { deadlineMs: -1 });
    expect(effects.map(({ kind }) => kind)).toEqual(["acknowledge", "take"]);
    world.read({ sessionSequence: 9 }, { deadlineMs: 800 });
    world.pass(500, "sweep");
    expect(one(world.pass(500, "sweep"), "acknowledge").delivery).toBe("d2");
    expect(world.state.reads.size).toBe(0);
  });

  it("that felled two workers is answered so, not run", () => {
    const effects = serving().read({}, { deliveries: 3 });
    expect(replies(effects)).toMatchObject([{ failure: { code: "failed-twice" } }]);
    expect(jobs(effects, "scan")).toEqual([]);
    expect(every(effects, "acknowledge")).toHaveLength(1);
  });

  it("that the search threads could not run may be retried elsewhere", () => {
    const world = serving();
    const { id } = job(world.read(), "scan");
    const effects = world.tell({ kind: "Computed", id, result: { ok: false, detail: "full" } });
    expect(replies(effects)).toMatchObject([{ failure: { code: "unavailable", retryable: true } }]);
    expect(every(effects, "restart")).toEqual([]);
  });

  it("whose answer no message can carry is refused, not sent in vain", () => {
    const world = serving();
    const { id } = job(world.read({}, { mode: "rows" }), "scan");
    const rows = new Uint8Array(8 * 1024 * 1024);
    const effects = world.computed(id, { kind: "scanned", count: 1, rows });
    expect(replies(effects)).toMatchObject([
      { failure: { code: "payload-too-large" }, rows: null },
    ]);
  });

  it("that fits no collection fails alone", () => {
    const world = serving();
    const view = { maxAgeMs: null, sessionSequence: null, asOfTimestamp: null, asOfSequence: null };
    const message = SearchChannel.create({
      ...{ channel: "c1-0", proxy: "p1", request: "1", attempt: 0, collectionId: "c1", view },
      ...{ deadlineMs: world.wallMs + 1_000, filter: null, outputFields: [], exact: false },
      ...{ field: "id", vectors: new Uint8Array(8), count: 1, limit: 1, ef: 8 },
    });
    const delivered = { kind: "Delivered", delivery: "x", deliveries: 1 } as const;
    const effects = world.tell({ ...delivered, message });
    expect(replies(effects)).toMatchObject([{ failure: { code: "internal" } }]);
  });

  it("is taken only while there is room for it, and the room comes back with its answer", () => {
    const world = new QueryWorld({ readsMax: 2 });
    expect(one(world.serveFromNothing(), "take").credits).toBe(2);
    const { id } = job(world.read(), "scan");
    expect(every(world.read({ sessionSequence: 5 }), "take")).toEqual([]);
    expect(one(world.computed(id, counted(0)), "take").credits).toBe(1);
    expect(world.state).toMatchObject({ creditsOut: 1, pending: new Map() });
  });
});

describe("following", () => {
  it("takes no read before the end of the replay", () => {
    const world = new QueryWorld();
    world.rootRead(world.begin(), null);
    expect(world.tell({ kind: "FollowStarted", channel: "c1-0", lastSequence: 2 })).toEqual([]);
    expect(every(world.log(inserted(1)), "take")).toEqual([]);
    expect(every(world.log(inserted(2)), "take")).toHaveLength(1);
  });

  it("hands rows to the search threads, and each row's death to the lives they share", () => {
    const world = serving();
    const opened = world.log(inserted(1, 2));
    const { lives } = job(opened, "openRange").job;
    expect(job(opened, "appendRows").job.entry).toMatchObject({ sequence: 1, count: 2 });
    world.log(inserted(2));
    world.log(deleted(1));
    expect([...lives.died.subarray(0, 3)]).toEqual([3, 2, Number.POSITIVE_INFINITY]);
  });

  it("opens a new range behind a seal", () => {
    const world = serving();
    world.log(inserted(1));
    world.log(sealed());
    expect(job(world.log(inserted(2)), "openRange").job.range).toBe(2);
  });

  it("starts again when it was overtaken by a purge, and stops at damage", () => {
    const failed = { kind: "FollowFailed", channel: "c1-0", detail: "x" } as const;
    expect(one(serving().tell({ ...failed, reason: "purged" }), "restart").afterMs).toBe(0);
    const world = serving();
    expect(one(world.tell({ ...failed, reason: "damaged" }), "restart").afterMs).toBe(5_000);
    expect(world.read()).toEqual([]);
  });

  it("throws at an entry of an unknown kind", () => {
    const world = serving();
    const body = new Uint8Array();
    const entry = { channel: "c1-0", sequence: 1, appendedAtUs: 1, version: 1, stamp: 0n, body };
    const read = { kind: "LogEntryRead", entry: { ...entry, kind: "Later", request: "" } } as const;
    expect(() => world.tell(read)).toThrow("unknown");
  });
});

describe("stopping", () => {
  it("answers what it holds, then leaves nothing in the search threads, and takes nothing", () => {
    const world = serving();
    world.log(inserted(1));
    const barrier = one(world.read({ maxAgeMs: 0 }), "append");
    expect(world.tell({ kind: "Stopping" })).toEqual([]);
    const { id } = job(world.passBarrier(barrier), "scan");
    const effects = world.computed(id, counted(1));
    expect(replies(effects)).toHaveLength(1);
    expect(jobs(effects, "dropChannel")).toHaveLength(1);
    expect(every(effects, "take")).toEqual([]);
    expect(world.log(inserted(2))).toEqual([]);
  });

  it("does not begin to serve when the log's end is told after it", () => {
    const world = new QueryWorld();
    world.rootRead(world.begin(), null);
    world.tell({ kind: "Stopping" });
    const effects = world.tell({ kind: "FollowStarted", channel: "c1-0", lastSequence: 0 });
    expect(effects).toEqual([]);
    expect(world.report().phase).toBe("stopping");
  });

  it("gives up a load that it is in the middle of", () => {
    const world = new QueryWorld();
    const manifest = manifestOf(1, 5, [segmentOf("s1", [0, 5], [[1, 2]])]);
    const { id } = job(
      world.manifestRead(world.rootRead(world.begin(), manifest), manifest),
      "loadSegment",
    );
    expect(jobs(world.tell({ kind: "Stopping" }), "dropChannel")).toHaveLength(1);
    expect(world.segmentLoaded(id, [[1, 2]])).toEqual([]);
    expect(published(world.effects)).toEqual([]);
  });
});
