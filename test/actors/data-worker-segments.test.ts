// The data worker's segments after their flush: indexes, merges, damage, garbage.
import { describe, expect, it } from "vitest";
import type { AnyMessage } from "../../src/messages/catalogue.js";
import { IndexBuilt, IndexDamaged, SegmentsCompacted } from "../../src/messages/control.js";
import { segmentObjectKey } from "../../src/storage/keys.js";
import type { ManifestSegment } from "../../src/storage/manifest.js";
import { DataWorld, manifestIn } from "./data-world.js";
import { every, one, published } from "./driven.js";
import { away, channel, inserted, manifestOf, rootOf, segmentOf } from "./query-world.js";
import { collectionId, recordWith } from "./small-collection.js";

const indexed = recordWith({}, { indexRowsMin: 2 });
const one1 = segmentOf(
  "s1",
  [0, 3],
  [
    [1, 1],
    [2, 2],
  ],
);
const small = [1, 2, 3, 4].map((n) => segmentOf(`s${n}`, [n - 1, n], [[n, n]]));

function owning(segments: readonly ManifestSegment[], record = recordWith()) {
  const world = new DataWorld();
  const checkpoint = segments.at(-1)?.through ?? 1;
  world.own(manifestOf(1, checkpoint, segments), record);
  return world;
}

const announced = (world: DataWorld, message: AnyMessage) =>
  world.tell({ kind: "Announced", message });

function built(segmentId: string, key: string) {
  const object = { key, sha256: "e".repeat(64), bytes: 10 };
  const parameters = { M: 16, efConstruction: 200 };
  return IndexBuilt.create({ channel, segmentId, field: "vector", object, parameters });
}

const damaged = (segmentId: string, key: string) =>
  IndexDamaged.create({ channel, segmentId, field: "vector", key, reason: "SHA-256" });

/** What an index worker says that merged `inputs` for the owner of this epoch. */
function compacted(inputs: readonly string[], rest = {}, epoch = 2, segmentId = "c4-a1") {
  const sha256 = "f".repeat(64);
  const key = segmentObjectKey({ collectionId, channel, epoch, sha256, segmentId });
  return SegmentsCompacted.create({
    ...{ channel, inputs: [...inputs], segmentId, appliedThrough: 0, rowCount: 4 },
    ...{ keyDigest: "0".repeat(16), object: { key, sha256, bytes: 100 }, ...rest },
  });
}

const all = small.map(({ id }) => id);
const kinds = (messages: readonly AnyMessage[]) => messages.map(({ kind }) => kind);

describe("indexes", () => {
  it("are asked for where they are missing, once, and again when nothing came of it", () => {
    const world = owning([one1], indexed);
    const [task] = published(world.tick(2_100));
    expect(task).toMatchObject({
      kind: "BuildIndex",
      segmentId: "s1",
      field: "vector",
      rowCount: 2,
    });
    expect(published(world.tick(30_000))).toEqual([]);
    expect(kinds(published(world.tick(60_000)))).toEqual(["BuildIndex"]);
  });

  it("are not asked for while those may be announced that were built before the take-over", () => {
    const world = new DataWorld();
    const effects = world.own(manifestOf(1, 3, [one1]), indexed);
    const heard = every(effects, "listen").filter(({ from }) => from === "oldest");
    expect(heard.flatMap(({ definitions }) => definitions.map(({ kind }) => kind))) //
      .toEqual(["IndexBuilt", "IndexDamaged"]);
    expect(published(world.tick(500))).toEqual([]);
    const commit = announced(world, built("s1", "i1"));
    expect(manifestIn(commit).segments[0]?.indexes).toMatchObject([{ field: "vector" }]);
    world.committed(commit);
    expect(published(world.tick(5_000))).toEqual([]);
  });

  it("are not asked for of segments that are too small", () => {
    expect(published(owning([one1]).tick(5_000))).toEqual([]);
  });

  it("are asked for a few at a time, and not of what is being merged", () => {
    const rowsOf = (n: number): [number, number][] => [
      [n, 2 * n],
      [n, 2 * n + 1],
    ];
    const many = [1, 2, 3, 4, 5, 6].map((n) => segmentOf(`s${n}`, [n - 1, n], rowsOf(n)));
    const world = owning(many, indexed);
    const merging = published(world.effects).flatMap((task) =>
      task.kind === "CompactSegments" ? task.inputs.map(({ segmentId }) => segmentId) : [],
    );
    expect(merging).toHaveLength(4);
    const tasks = published(world.tick(2_100));
    const rest = ["s1", "s2", "s3", "s4", "s5", "s6"].filter((id) => !merging.includes(id));
    expect(tasks.map((task) => ("segmentId" in task ? task.segmentId : ""))).toEqual(rest);
    const wide = [1, 2, 3, 4, 5, 6].map((n) => ({ ...(many[n - 1] as ManifestSegment) }));
    const alone = owning(wide, recordWith({}, { indexRowsMin: 2, mergeBytes: 1 }));
    expect(published(alone.tick(2_100))).toHaveLength(4);
    const commit = announced(alone, built("s1", "i1"));
    expect(kinds(published([...commit, ...alone.committed(commit)]))).toContain("BuildIndex");
  });

  it("that were announced twice are committed once", () => {
    const world = owning([one1], indexed);
    world.committed(announced(world, built("s1", "i1")));
    expect(announced(world, built("s1", "i2"))).toEqual([]);
  });

  it("that are damaged leave the manifest and are built anew", () => {
    const world = owning([one1], indexed);
    world.committed(announced(world, built("s1", "i1")));
    expect(announced(world, damaged("s1", "other"))).toEqual([]);
    const commit = announced(world, damaged("s1", "i1"));
    expect(manifestIn(commit).segments[0]?.indexes).toEqual([]);
    const effects = [...world.committed(commit), ...world.tick(2_100)];
    expect(kinds(published(effects))).toContain("BuildIndex");
  });

  it("of segments that nobody knows, and damage before the commit, change nothing", () => {
    const world = owning([one1], indexed);
    expect(announced(world, built("s9", "i9"))).toEqual([]);
    const busy = announced(world, built("s1", "i0"));
    announced(world, built("s1", "i1"));
    announced(world, damaged("s1", "i1"));
    world.committed(busy);
    expect(world.state).toMatchObject({ commit: null, changes: [] });
  });

  it("are not looked for at every entry of the log, of which there are many", () => {
    const world = owning([one1], indexed);
    world.monotonicMs += 5_000;
    expect(published(world.log(inserted(9)))).toEqual([]);
    expect(published(world.tick(0))).toHaveLength(1);
  });
});

describe("a merge", () => {
  it("of neighbours is asked for, and takes their place when it is there", () => {
    const world = owning(small);
    const [task] = published(world.effects);
    expect(task).toMatchObject({ kind: "CompactSegments", epoch: 2, appliedThrough: 0 });
    const effects = announced(world, compacted(all));
    expect(manifestIn(effects).segments).toMatchObject([{ id: "c4-a1", from: 0, through: 4 }]);
    const committed = world.committed(effects);
    expect(kinds(published([...effects, ...committed, ...world.tick(5_000)]))) //
      .toEqual(["ManifestCommitted"]);
    expect(world.state.compaction).toBeNull();
  });

  it("of fewer than four waits until nothing has changed for a while", () => {
    const world = new DataWorld(2 ** 30, 20_000);
    world.monotonicMs = 100_000;
    world.own(manifestOf(1, 2, small.slice(0, 2)));
    world.log(inserted(9));
    expect(kinds(published(world.tick(19_000)))).not.toContain("CompactSegments");
    world.log(inserted(10));
    expect(kinds(published(world.tick(19_000)))).not.toContain("CompactSegments");
    expect(kinds(published(world.tick(1_100)))).toContain("CompactSegments");
  });

  it("is not chosen a second time while the first is on its way into the manifest", () => {
    const world = owning(small);
    world.tick();
    const effects = announced(world, compacted(all));
    const writing = world.stored(effects);
    expect(published([...effects, ...writing, ...world.tick()])).toEqual([]);
    world.written(writing);
    expect(world.state.compaction).toBeNull();
  });

  it("waits for its indexes, while its inputs keep theirs", () => {
    const world = owning(small, recordWith({}, { indexRowsMin: 3 }));
    world.tick(2_100);
    const effects = announced(world, compacted(all));
    expect(published(effects)).toMatchObject([{ kind: "BuildIndex", segmentId: "c4-a1" }]);
    expect(every(effects, "writeObject")).toEqual([]);
    const commit = announced(world, built("c4-a1", "i1"));
    expect(manifestIn(commit).segments).toMatchObject([
      { id: "c4-a1", indexes: [{ field: "vector" }] },
    ]);
  });

  it("of an earlier epoch is not taken: its object may be deleted as nobody's", () => {
    const world = owning(small);
    world.tick();
    expect(announced(world, compacted(all, {}, 1))).toEqual([]);
  });

  it("that nobody asked for, of other segments, or the second of two, is not taken", () => {
    const world = owning(small);
    expect(announced(world, compacted(["s1", "s2"]))).toEqual([]);
    world.tick();
    expect(announced(world, compacted(["s2", "s3"]))).toEqual([]);
    const commit = announced(world, compacted(all));
    expect(announced(world, compacted(all, {}, 2, "c4-a2"))).toEqual([]);
    expect(manifestIn(commit).segments.map(({ id }) => id)).toEqual(["c4-a1"]);
  });

  it("that leaves no row leaves no segment", () => {
    const world = owning(small);
    world.tick();
    const effects = announced(world, compacted(all, { object: null, rowCount: 0 }));
    expect(manifestIn(effects).segments).toEqual([]);
    expect(published([...effects, ...world.committed(effects)])).toHaveLength(1);
  });

  it("keeps a tombstone until every older segment is applied through it", () => {
    const object = { key: "t", sha256: "c".repeat(64), bytes: 1 };
    const tombstones = [{ from: 3, through: 4, count: 1, object }];
    const past = { sequence: 4, commit: 1n };
    const world = new DataWorld();
    world.own(manifestOf(1, 4, small, { tombstones, readableFrom: past }));
    world.tick();
    const before = announced(world, compacted(all, { appliedThrough: 3 }));
    expect(manifestIn(before).tombstones).toHaveLength(1);
    const other = new DataWorld();
    other.own(manifestOf(1, 4, small, { tombstones, readableFrom: past }));
    other.tick();
    const after = announced(other, compacted(all, { appliedThrough: 4 }));
    expect(manifestIn(after).tombstones).toEqual([]);
  });

  it("that brings nothing is chosen anew after a minute, then two; later where it is large", () => {
    const world = owning(small);
    world.tick();
    expect(published(world.tick(59_000))).toEqual([]);
    world.tick(2_000);
    expect(kinds(published(world.tick()))).toEqual(["CompactSegments"]);
    expect(published(world.tick(119_000))).toEqual([]);
    world.tick(2_000);
    expect(kinds(published(world.tick()))).toEqual(["CompactSegments"]);
    expect(manifestIn(announced(world, compacted(all))).segments).toMatchObject([{ id: "c4-a1" }]);
    expect(world.state.compactionsGivenUp).toBe(0);
    const large = small.map((segment) => ({
      ...segment,
      object: { ...segment.object, bytes: 100_000_000 },
    }));
    const slow = owning(large);
    slow.tick();
    expect(published(slow.tick(250_000))).toEqual([]);
    slow.tick(20_000);
    expect(kinds(published(slow.tick()))).toEqual(["CompactSegments"]);
  });

  it("whose output is damaged is forgotten, and its inputs stay", () => {
    const world = owning(small, recordWith({}, { indexRowsMin: 3 }));
    world.tick(2_100);
    announced(world, compacted(all));
    const fields = { channel, segmentId: "c4-a1", reason: "SHA-256" };
    const effects = announced(world, { kind: "SegmentDamaged", ...fields });
    expect(kinds(published(effects))).toEqual(["CompactSegments"]);
    expect(world.report().cause).toBeNull();
  });

  it("rewrites a segment of which many rows are dead", () => {
    const world = owning([one1]);
    const counted = { channel, segmentId: "s1", deadRows: 1, rowCount: 2 };
    const effects = announced(world, { kind: "DeadRowsCounted", ...counted });
    expect(published(effects)).toMatchObject([{ kind: "CompactSegments" }]);
    expect(world.state.deadRows.size).toBe(0);
  });
});

it("shows the damage of a segment whatever is committed after it", () => {
  const world = owning([one1], recordWith({}, { sealRows: 1 }));
  const fields = { channel, segmentId: "s1", reason: "segment s1 is corrupt" };
  expect(every(announced(world, { kind: "SegmentDamaged", ...fields }), "report")).toHaveLength(1);
  expect(announced(world, { kind: "SegmentDamaged", ...fields })).toEqual([]);
  world.flushed(world.sealRead(one(world.log(inserted(4)), "append")), 1);
  expect(world.report().cause).toBe("segment s1 is corrupt");
});

describe("garbage", () => {
  const hour = 3_600_000;
  const garbage = ["g1", "g2"];

  function listed(world: DataWorld, keys: readonly string[], ms: number) {
    const { id } = one(world.pass(ms, "collect"), "listObjects");
    return world.tell({ kind: "ObjectsListed", id, result: { ok: true, keys } });
  }

  /** With two objects that nobody has named for an hour, and the root read again. */
  function due(epoch: number) {
    const world = owning([one1]);
    const keys = ["objects/s1", "m/1", ...garbage];
    expect(listed(world, keys, 0)).toEqual([]);
    expect(listed(world, keys, hour - 1)).toEqual([]);
    const { id } = one(listed(world, keys, 1), "readMetadata");
    const root = JSON.parse(Buffer.from(rootOf(manifestOf(1, 3, [one1])).value).toString());
    const value = Buffer.from(JSON.stringify({ ...root, epoch }));
    const entry = { key: "roots.c1-0", value, revision: 11 };
    return {
      world,
      effects: world.tell({ kind: "MetadataRead", id, result: { ok: true, entry } }),
    };
  }

  it("is deleted an hour after nobody named it, and what is named is not", () => {
    const { effects } = due(2);
    expect(every(effects, "deleteObject").map(({ key }) => key)).toEqual(garbage);
  });

  it("is left alone when somebody else owns the channel by now", () => {
    expect(due(3).effects).toEqual([]);
  });

  it("that could not be deleted is due at the next look", () => {
    const { world, effects } = due(2);
    for (const { id } of every(effects, "deleteObject")) {
      world.tell({ kind: "ObjectDeleted", id, result: away });
    }
    expect(every(listed(world, garbage, 1), "readMetadata")).toHaveLength(1);
    expect(listed(world, [], 1)).toEqual([]);
    expect(world.state.collection.unnamedSince.size).toBe(0);
  });

  it("is not looked for by who does not own the channel", () => {
    const world = new DataWorld();
    world.begin(null);
    expect(every(world.pass(hour, "collect"), "listObjects")).toEqual([]);
  });

  it("does not include what waits for its manifest", () => {
    const world = owning([one1], recordWith({}, { sealRows: 1 }));
    const effects = world.encoded(world.sealRead(one(world.log(inserted(4)), "append")), 1);
    const { key } = one(effects, "writeObject");
    listed(world, [key], 0);
    expect(world.state.collection.unnamedSince.size).toBe(0);
  });
});
