// The data worker's way of a row into the object store: take-over, seal, flush, commit, purge.
import { describe, expect, it } from "vitest";
import { FlushChannel } from "../../src/messages/command.js";
import { decodeRoot } from "../../src/storage/manifest.js";
import { DataWorld, duplicateWindowMs, manifestIn } from "./data-world.js";
import { every, one, published } from "./driven.js";
import {
  appendedAtMs,
  away,
  channel,
  deleted,
  inserted,
  job,
  jobs,
  manifestOf,
  rootOf,
  segmentOf,
  ticked,
} from "./query-world.js";
import { recordEntry, recordWith } from "./small-collection.js";

const threeRows = recordWith({}, { sealRows: 3 });
const segment = segmentOf(
  "s3-1",
  [0, 3],
  [
    [1, 1],
    [2, 2],
  ],
);

/** Owning a new channel, with a seal for its first three rows just read back. */
function sealing() {
  const world = new DataWorld();
  world.own(null, threeRows);
  world.log(inserted(1, 2));
  const effects = world.sealRead(one(world.log(inserted(3)), "append"));
  return { world, effects };
}

function flushRequest(world: DataWorld, delivery: string, deadlineMs = 30_000) {
  const fields = { proxy: "p1", request: delivery, channel, deadlineMs: world.wallMs + deadlineMs };
  const message = FlushChannel.create(fields);
  return world.tell({ kind: "Delivered", delivery, deliveries: 1, message });
}

describe("the take-over", () => {
  it("raises the epoch of the root that was read, by compare-and-set", () => {
    const { key, value, revision } = one(new DataWorld().begin(null), "writeMetadata");
    expect({ key, revision }).toEqual({ key: "roots.c1-0", revision: 3 });
    expect(decodeRoot(value ?? new Uint8Array())).toMatchObject({ epoch: 2, owner: "d1" });
  });

  it("follows from the manifest's checkpoint, and owns at the end of the replay", () => {
    const world = new DataWorld();
    const effects = world.own(manifestOf(1, 3, [segment]));
    expect(one(effects, "follow").after?.sequence).toBe(3);
    expect(one(effects, "take")).toMatchObject({ token: channel });
    expect(world.report().phase).toBe("owning");
  });

  it.each([
    ["another was first", { ok: false, reason: "conflict" } as const],
    ["nobody knows", away],
  ])("starts again when %s", (_name, result) => {
    const world = new DataWorld();
    const { id } = one(world.begin(null), "writeMetadata");
    expect(one(world.tell({ kind: "MetadataWritten", id, result }), "restart").afterMs).toBe(1_000);
  });

  it("seals nothing and takes no command before the end of the replay", () => {
    const world = new DataWorld();
    world.written(world.begin(null, threeRows));
    world.tell({ kind: "FollowStarted", channel, lastSequence: 2 });
    expect(world.log(inserted(1, 2, 3))).toEqual([]);
    const effects = world.log(inserted(4));
    expect([every(effects, "append").length, every(effects, "take").length]).toEqual([1, 1]);
  });
});

describe("a seal", () => {
  it("comes at the threshold of rows, and one at a time", () => {
    const world = new DataWorld();
    world.own(null, threeRows);
    expect(every(world.log(inserted(1, 2)), "append")).toEqual([]);
    expect(one(world.log(inserted(3)), "append").message.kind).toBe("SegmentSealed");
    expect(every(world.log(inserted(4)), "append")).toEqual([]);
  });

  it("comes at the threshold of bytes", () => {
    const world = new DataWorld();
    world.own(null, recordWith({}, { sealBytes: 10 }));
    expect(every(world.log(inserted(1)), "append")).toHaveLength(1);
  });

  it("comes at the threshold of age, of ticks alone too, and not without them", () => {
    const world = new DataWorld();
    world.own(null, recordWith({}, { sealAgeMs: 1_000 }));
    expect(every(world.tick(5_000), "append")).toEqual([]);
    world.log(ticked);
    expect(every(world.tick(900), "append")).toEqual([]);
    expect(every(world.tick(200), "append")).toHaveLength(1);
  });

  it("that the log does not take is tried again after a pause, its cause shown until then", () => {
    const world = new DataWorld();
    world.own(null, threeRows);
    const { id } = one(world.log(inserted(1, 2, 3)), "append");
    const failed = { kind: "AppendFailed", id, reason: "full", detail: "90%" } as const;
    expect(every(world.tell(failed), "append")).toEqual([]);
    expect(world.report().cause).toContain("takes no seals");
    const again = one(world.tick(600), "append");
    world.tell({ kind: "Appended", id: again.id, sequence: 2, duplicate: false });
    expect(world.report().cause).toBeNull();
  });

  it("that the log lost with its tail is appended again", () => {
    const world = new DataWorld();
    world.own(null, threeRows);
    const { id } = one(world.log(inserted(1, 2, 3)), "append");
    world.tell({ kind: "Appended", id, sequence: 2, duplicate: false });
    expect(every(world.log(inserted(4)), "append")).toHaveLength(1);
    expect(every(world.tick(14_000), "append")).toEqual([]);
    expect(every(world.tick(1_500), "append")).toHaveLength(1);
  });
});

describe("a flush", () => {
  it("stores rows and deletes, then the manifest, then the root, then says so", () => {
    const world = new DataWorld();
    world.own(null, threeRows);
    world.log(inserted(1, 2));
    world.log(deleted(1));
    const read = world.sealRead(one(world.log(inserted(3)), "append"));
    const tombstones = one(read, "writeObject");
    const rows = one(world.encoded(read, 3), "writeObject");
    expect(world.tell({ kind: "ObjectWritten", id: rows.id, result: { ok: true } })).toEqual([]);
    const stored = world.tell({ kind: "ObjectWritten", id: tombstones.id, result: { ok: true } });
    expect(manifestIn(stored)).toMatchObject({
      ...{ epoch: 2, number: 1, checkpoint: { sequence: 3 } },
      segments: [{ id: "s3-2", from: 0, through: 3, rowCount: 3, object: { key: rows.key } }],
      tombstones: [{ from: 0, through: 3, count: 1, object: { key: tombstones.key } }],
    });
    const effects = world.stored(stored);
    const { revision, value } = one(effects, "writeMetadata");
    expect(revision).toBe(11);
    expect(decodeRoot(value ?? new Uint8Array())).toMatchObject({ epoch: 2, number: 1 });
    expect(published(world.written(effects))).toMatchObject([
      { kind: "ManifestCommitted", epoch: 2, number: 1 },
    ]);
    expect(world.state).toMatchObject({ flush: null, commit: null, changes: [], sealed: [] });
  });

  it("moves the checkpoint over a range without rows", () => {
    const world = new DataWorld();
    world.own(null, recordWith({}, { sealAgeMs: 1_000 }));
    world.log(ticked);
    const effects = world.sealRead(one(world.tick(1_100), "append"));
    expect(manifestIn(effects)).toMatchObject({ checkpoint: { sequence: 1 }, segments: [] });
  });

  it("is tried again when an object cannot be stored; outcomes of before do not count", () => {
    const { world, effects } = sealing();
    const { id } = one(world.encoded(effects, 3), "writeObject");
    world.tell({ kind: "ObjectWritten", id, result: away });
    expect(world.report().cause).toContain("object store");
    expect(jobs(world.tick(500), "encodeSegment")).toEqual([]);
    const again = world.tick(600);
    expect(jobs(again, "encodeSegment")).toHaveLength(1);
    world.committed(world.stored(world.encoded(again, 3)));
    expect(world.report()).toMatchObject({ cause: null, figures: { manifest: 1 } });
  });

  it("is tried again when the thread fails", () => {
    const { world, effects } = sealing();
    const { id } = job(effects, "encodeSegment");
    world.tell({ kind: "Computed", id, result: { ok: false, detail: "crashed" } });
    expect(jobs(world.tick(1_100), "encodeSegment")).toHaveLength(1);
  });

  it("goes on in the order of the log while more is sealed", () => {
    const { world, effects } = sealing();
    world.sealRead(one(world.log(inserted(4, 5, 6)), "append"));
    world.flushed(effects, 3);
    const ranges = jobs(world.effects, "encodeSegment").map(({ job: { entries } }) =>
      entries.map(({ sequence }) => sequence),
    );
    expect(ranges).toEqual([[1, 2], [4]]);
  });
});

describe("a commit", () => {
  /** With the root's compare-and-set on its way. */
  function committing() {
    const { world, effects } = sealing();
    const writing = world.stored(world.stored(world.encoded(effects, 3)));
    return { world, write: one(writing, "writeMetadata") };
  }

  function unknown() {
    const { world, write } = committing();
    world.tell({ kind: "MetadataWritten", id: write.id, result: away });
    expect(world.report().cause).toContain("cannot be committed");
    return { world, write, verify: one(world.tick(), "readMetadata") };
  }

  it("of which nobody knows is looked for, and found", () => {
    const { world, write, verify } = unknown();
    const entry = { key: write.key, value: write.value ?? new Uint8Array(), revision: 12 };
    const effects = world.tell({
      kind: "MetadataRead",
      id: verify.id,
      result: { ok: true, entry },
    });
    expect(published(effects)).toMatchObject([{ kind: "ManifestCommitted", number: 1 }]);
    expect(world.report().cause).toBeNull();
  });

  it("of which nobody knows is looked for, not found, and written over what is there", () => {
    const { world, verify } = unknown();
    const taken = one(world.effects.slice(0, 9), "writeMetadata");
    const entry = { key: taken.key, value: taken.value ?? new Uint8Array(), revision: 11 };
    const effects = world.tell({
      kind: "MetadataRead",
      id: verify.id,
      result: { ok: true, entry },
    });
    expect(one(effects, "writeMetadata").revision).toBe(11);
    expect(every(effects, "writeObject")).toEqual([]);
  });

  it("is looked for until the store answers", () => {
    const { world, verify } = unknown();
    expect(world.tell({ kind: "MetadataRead", id: verify.id, result: away })).toEqual([]);
    expect(every(world.tick(600), "readMetadata")).toHaveLength(1);
  });

  it("of a stale owner conflicts, since the take-over moved the root, and it stops", () => {
    const { world, write } = committing();
    const conflict = { ok: false, reason: "conflict" } as const;
    world.tell({ kind: "MetadataWritten", id: write.id, result: conflict });
    const { id } = one(world.tick(), "readMetadata");
    const root = decodeRoot(write.value ?? new Uint8Array());
    const value = Buffer.from(JSON.stringify({ ...root, epoch: 3, owner: "d2" }));
    const entry = { key: write.key, value, revision: 20 };
    const effects = world.tell({ kind: "MetadataRead", id, result: { ok: true, entry } });
    expect(one(effects, "restart").reason).toContain("another worker");
    expect(every(effects, "writeMetadata")).toEqual([]);
    expect(world.tick()).toEqual([]);
  });

  it("whose object cannot be stored is written again, under the same key", () => {
    const { world, effects } = sealing();
    const first = one(world.stored(world.encoded(effects, 3)), "writeObject");
    world.tell({ kind: "ObjectWritten", id: first.id, result: away });
    const again = one(world.tick(600), "writeObject");
    expect(again.key).toBe(first.key);
    expect(every(world.stored([again]), "writeMetadata")).toHaveLength(1);
  });
});

describe("purge", () => {
  it("keeps a duplicate window behind the log's own time, and the entry at the checkpoint", () => {
    const world = new DataWorld();
    world.own(manifestOf(1, 3, [segment]), recordWith({}, { sealRows: 1 }));
    world.wallMs = appendedAtMs + 100 * duplicateWindowMs;
    const soon = world.flushed(world.sealRead(one(world.log(inserted(4)), "append")), 1);
    expect(every(soon, "purge")).toEqual([]);
    world.state.pastCheckpoints[0] = { sequence: 3, appendedAtUs: 0, commit: 0n };
    const later = world.flushed(world.sealRead(one(world.log(inserted(5)), "append")), 1);
    expect(one(later, "purge")).toMatchObject({ channel, through: 2 });
  });

  it("goes on however many checkpoints there are in a window", () => {
    const world = new DataWorld();
    world.own(manifestOf(1, 3, [segment]), recordWith({}, { sealRows: 1 }));
    for (let number = 0; number < 1_100; number += 1) {
      const at = { sequence: 4 + number, appendedAtUs: 1, commit: 1n << 62n };
      world.state.pastCheckpoints.push(at);
    }
    world.flushed(world.sealRead(one(world.log(inserted(4)), "append")), 1);
    expect(world.state.pastCheckpoints.length).toBeLessThan(1_000);
    expect(world.state.pastCheckpoints[0]?.sequence).toBe(3);
  });
});

describe("a request to flush", () => {
  it("is answered when all rows that stood in the log before it are stored", () => {
    const world = new DataWorld();
    world.own(null);
    world.log(inserted(1));
    const append = one(flushRequest(world, "f1"), "append");
    expect(append.message).toMatchObject({ kind: "SegmentSealed", through: null });
    world.log(inserted(2));
    const read = world.sealRead(append);
    const effects = world.flushed(read, 2);
    expect(published(effects)).toContainEqual(
      expect.objectContaining({
        kind: "FlushReply",
        request: "f1",
        flushedThrough: 2,
        failure: null,
      }),
    );
    expect(one(effects, "acknowledge").delivery).toBe("f1");
  });

  it("is answered at once, after its seal, when there is nothing to store", () => {
    const world = new DataWorld();
    world.own(manifestOf(1, 3, [segment]));
    const append = one(flushRequest(world, "f1"), "append");
    expect(published(world.sealRead(append))).toMatchObject([
      { kind: "FlushReply", failure: null },
    ]);
  });

  it("shares its seal with others, but not one that was sent before it", () => {
    const world = new DataWorld();
    world.own(null, threeRows);
    const early = one(world.log(inserted(1, 2, 3)), "append");
    expect(every(flushRequest(world, "f1"), "append")).toEqual([]);
    flushRequest(world, "f2");
    const own = one(world.sealRead(early), "append");
    expect(own.message).toMatchObject({ through: null });
    world.sealRead(own);
    expect([...world.state.flushRequests.values()].map(({ through }) => through)).toEqual([2, 2]);
  });

  it("that comes to nothing by its deadline is told why", () => {
    const world = new DataWorld();
    world.own(null);
    world.log(inserted(1));
    const read = world.sealRead(one(flushRequest(world, "f1", 5_000), "append"));
    const { id } = one(world.encoded(read, 1), "writeObject");
    world.tell({ kind: "ObjectWritten", id, result: away });
    expect(published(world.tick(3_000))).toEqual([]);
    const [reply] = published(world.tick(600));
    expect(reply).toMatchObject({ failure: { code: "unavailable", retryable: true } });
    expect(reply).toMatchObject({ failure: { message: expect.stringContaining("object store") } });
    expect(world.state.flushRequests.size).toBe(0);
  });

  it("gives its place back when it was answered", () => {
    const world = new DataWorld();
    expect(one(world.own(manifestOf(1, 3, [segment])), "take").credits).toBe(64);
    for (let count = 0; count < 40; count += 1) flushRequest(world, `f${count}`, -1);
    expect(world.state).toMatchObject({ flushRequests: new Map() });
    expect(world.state.creditsOut).toBeGreaterThan(32);
  });
});

describe("stopping", () => {
  it("brings a flush to its end and answers for it, and seals nothing more", () => {
    const world = new DataWorld();
    world.own(null, threeRows);
    world.log(inserted(1));
    const read = world.sealRead(one(flushRequest(world, "f1"), "append"));
    world.tell({ kind: "Stopping" });
    const effects = world.flushed(read, 1);
    expect(published(effects).map(({ kind }) => kind)).toContain("FlushReply");
    expect(every(world.log(inserted(2, 3, 4)), "append")).toEqual([]);
  });

  it("takes over no channel whose root is read after it", () => {
    const world = new DataWorld();
    const started = world.tell({ kind: "Started", incarnation: "d1" });
    world.tell({ kind: "Stopping" });
    const record = { ok: true, entry: recordEntry(recordWith()) } as const;
    const { id } = one(started, "readMetadata");
    const known = world.tell({ kind: "MetadataRead", id, result: record });
    const root = { ok: true, entry: rootOf(null) } as const;
    const asked = one(known, "readMetadata").id;
    expect(world.tell({ kind: "MetadataRead", id: asked, result: root })).toEqual([]);
    expect(world.report().phase).toBe("stopping");
  });

  it("is not undone by the log's end that is told after it", () => {
    const world = new DataWorld();
    world.written(world.begin(null));
    world.tell({ kind: "Stopping" });
    expect(world.tell({ kind: "FollowStarted", channel, lastSequence: 0 })).toEqual([]);
    expect(world.report().phase).toBe("stopping");
  });
});

it("starts again when the log is gone from under it", () => {
  const world = new DataWorld();
  world.own(null);
  const failed = { kind: "FollowFailed", channel, reason: "purged", detail: "x" } as const;
  expect(every(world.tell(failed), "restart")).toHaveLength(1);
});
