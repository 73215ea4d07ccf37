// The query worker and its manifests: loading one, adopting the next, what is damaged or missing.
import { describe, expect, it } from "vitest";
import type { Manifest, ManifestSegment } from "../../src/storage/manifest.js";
import { encodeTombstones } from "../../src/storage/tombstones-file.js";
import { every, one, published } from "./driven.js";
import {
  away,
  commitAt,
  counted,
  deleted,
  inserted,
  job,
  jobs,
  manifestOf,
  QueryWorld,
  sealed,
  segmentOf,
  ticked,
} from "./query-world.js";

const channel = "c1-0";
const first = segmentOf(
  "s1",
  [0, 3],
  [
    [1, 1],
    [2, 2],
  ],
);
const second = segmentOf(
  "s2",
  [3, 6],
  [
    [2, 4],
    [3, 5],
  ],
);
const object = (key: string) => ({ key, sha256: "c".repeat(64), bytes: 10 });
const parameters = { M: 16, efConstruction: 200 };

function withIndex(segment: ManifestSegment, key: string): ManifestSegment {
  return { ...segment, indexes: [{ field: "vector", object: object(key), parameters }] };
}

/** Up to the jobs that load the manifest's segments. */
function loading(manifest: Manifest) {
  const world = new QueryWorld();
  const effects = world.manifestRead(world.rootRead(world.begin(), manifest), manifest);
  return { world, effects, loads: jobs(effects, "loadSegment") };
}

/** Serving rows 1 and 2 of a range that is closed and not in a manifest yet. */
function withClosedRange(): QueryWorld {
  const world = new QueryWorld();
  world.serveFromNothing();
  world.log(inserted(1));
  world.log(inserted(2));
  world.log(ticked);
  world.log(sealed());
  return world;
}

describe("loading", () => {
  it("replays births and deletes in log order, then follows from the checkpoint", () => {
    const tombstones = [{ from: 0, through: 6, count: 1, object: object("t") }];
    const manifest = manifestOf(2, 6, [first, second], { tombstones });
    const { world, effects, loads } = loading(manifest);
    const [one1, two] = loads;
    if (!one1 || !two) throw new Error("two segments");
    const key = { key: 1n, sequence: 3, bornThrough: 3, commit: commitAt(3) };
    const { id } = one(effects, "readObject");
    world.tell({ kind: "ObjectRead", id, result: { ok: true, bytes: encodeTombstones([key]) } });
    world.segmentLoaded(two.id, [
      [2, 4],
      [3, 5],
    ]);
    const loaded = world.segmentLoaded(one1.id, [
      [1, 1],
      [2, 2],
    ]);
    expect(one(loaded, "follow").after?.sequence).toBe(6);
    const lives = jobs(loaded, "bindLives").map(({ job: { lives: bound } }) => [...bound.died]);
    expect(lives).toEqual([
      [3, 4],
      [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
    ]);
    world.tell({ kind: "FollowStarted", channel, lastSequence: 6 });
    expect(job(world.read(), "scan").job).toMatchObject({ at: 6 });
    expect(world.state.pending.size).toBe(1);
  });

  it("that takes longer than a refresh is not begun a second time", () => {
    const { world, loads } = loading(manifestOf(2, 6, [first, second]));
    for (let refresh = 0; refresh < 3; refresh += 1) {
      const effects = world.pass(30_000, "refresh");
      expect(every(effects, "readMetadata")).toHaveLength(1);
      const { id } = one(effects, "readMetadata");
      expect(world.tell({ kind: "MetadataRead", id, result: away })).toEqual([]);
    }
    const done = [
      [
        [1, 1],
        [2, 2],
      ] as const,
      [
        [2, 4],
        [3, 5],
      ] as const,
    ].flatMap((births, place) => world.segmentLoaded(loads[place]?.id ?? "", births));
    expect(every(done, "follow")).toHaveLength(1);
    expect(every(world.effects, "restart")).toEqual([]);
  });

  it("takes no read before the indexes are attached", () => {
    const manifest = manifestOf(2, 3, [withIndex(first, "i1")]);
    const { world, loads } = loading(manifest);
    const loaded = world.segmentLoaded(loads[0]?.id ?? "", [
      [1, 1],
      [2, 2],
    ]);
    const { id, job: attach } = job(loaded, "attachIndex");
    expect(attach).toMatchObject({ field: "vector", metric: "L2", dimension: 2, rowCount: 2 });
    expect(every(world.tell({ kind: "FollowStarted", channel, lastSequence: 3 }), "take")).toEqual(
      [],
    );
    expect(every(world.computed(id, { kind: "done" }), "take")).toHaveLength(1);
  });

  it.each([
    ["missing", 1_000, 0],
    ["unavailable", 1_000, 0],
    ["corrupt", 5_000, 1],
  ] as const)("starts again when a segment is %s", (reason, afterMs, damages) => {
    const { world, loads } = loading(manifestOf(2, 3, [first]));
    const effects = world.computed(loads[0]?.id ?? "", { kind: "unreadable", reason, detail: "x" });
    expect(one(effects, "restart").afterMs).toBe(afterMs);
    expect(published(effects).map(({ kind }) => kind)).toEqual(
      Array(damages).fill("SegmentDamaged"),
    );
  });

  it("serves nothing of a segment that does not hold the rows it should", () => {
    const { world, loads } = loading(manifestOf(2, 3, [first]));
    const effects = world.segmentLoaded(loads[0]?.id ?? "", [
      [1, 1],
      [9, 2],
    ]);
    expect(every(effects, "follow")).toEqual([]);
    expect(one(effects, "restart").reason).toContain("s1");
  });

  it("starts again when the metadata store is away, and serves on when it goes later", () => {
    const world = new QueryWorld();
    const { id } = one(world.begin(), "readMetadata");
    expect(every(world.tell({ kind: "MetadataRead", id, result: away }), "restart")).toHaveLength(
      1,
    );
    const later = new QueryWorld();
    later.serveFromNothing();
    for (const { id: read } of every(later.pass(30_000, "refresh"), "readMetadata")) {
      expect(later.tell({ kind: "MetadataRead", id: read, result: away })).toEqual([]);
    }
  });
});

describe("adopting", () => {
  it("binds a segment to the rows that it holds already, and attaches its index later", () => {
    const world = withClosedRange();
    const segment = segmentOf(
      "s1",
      [0, 3],
      [
        [1, 1],
        [2, 2],
      ],
    );
    expect(jobs(world.announce(manifestOf(1, 3, [segment])), "loadSegment")).toEqual([]);
    expect(world.report().figures).toMatchObject({ manifest: 1, segments: 1 });
    const effects = world.announce(manifestOf(2, 3, [withIndex(segment, "i1")]));
    expect(job(effects, "attachIndex").job.object.key).toBe("i1");
  });

  it("waits with a manifest that is ahead until the seal has been read", () => {
    const world = new QueryWorld();
    world.serveFromNothing();
    world.log(inserted(1));
    const segment = segmentOf(
      "s1",
      [0, 2],
      [
        [1, 1],
        [2, 2],
      ],
    );
    expect(world.announce(manifestOf(1, 2, [segment]))).toEqual([]);
    expect(jobs(world.log(inserted(2)), "loadSegment")).toEqual([]);
    expect(every(world.log(sealed()), "restart")).toEqual([]);
    expect(world.report().figures).toMatchObject({ manifest: 1, segments: 1 });
  });

  it("stops when a merged segment lacks a row that could still be read", () => {
    const world = withClosedRange();
    world.announce(
      manifestOf(1, 3, [
        segmentOf(
          "s1",
          [0, 3],
          [
            [1, 1],
            [2, 2],
          ],
        ),
      ]),
    );
    const merged = segmentOf("c1", [0, 3], [[2, 2]], { appliedThrough: 3 });
    world.log(deleted(1));
    const past = { sequence: 5, commit: commitAt(5) };
    const newer = manifestOf(2, 5, [merged], { readableFrom: past });
    world.log(sealed());
    const load = job(world.announce(newer), "loadSegment");
    world.log(deleted(2));
    const effects = world.segmentLoaded(load.id, [[2, 2]]);
    expect(every(effects, "restart")).toHaveLength(1);
    expect(one(effects, "restart").reason).toContain("lacks a row");
  });

  it("swaps merged segments in with the lives that the fold knows by then", () => {
    const world = withClosedRange();
    world.announce(
      manifestOf(1, 3, [
        segmentOf(
          "s1",
          [0, 3],
          [
            [1, 1],
            [2, 2],
          ],
        ),
      ]),
    );
    const merged = segmentOf(
      "c1",
      [0, 3],
      [
        [1, 1],
        [2, 2],
      ],
      { appliedThrough: 0 },
    );
    const load = job(world.announce(manifestOf(2, 3, [merged])), "loadSegment");
    world.log(deleted(2));
    const effects = world.segmentLoaded(load.id, [
      [1, 1],
      [2, 2],
    ]);
    expect([...job(effects, "bindLives").job.lives.died]).toEqual([Number.POSITIVE_INFINITY, 5]);
    expect(job(effects, "dropRange").job.range).toBe(1);
    expect(job(world.read(), "scan").job.views).toEqual([
      { range: load.job.range, rowCount: 2, dead: 1 },
    ]);
  });

  it("keeps serving when an object is missing, and takes the manifest up at the next look", () => {
    const world = withClosedRange();
    const merged = segmentOf(
      "c1",
      [0, 3],
      [
        [1, 1],
        [2, 2],
      ],
    );
    world.announce(
      manifestOf(1, 3, [
        segmentOf(
          "s1",
          [0, 3],
          [
            [1, 1],
            [2, 2],
          ],
        ),
      ]),
    );
    const newer = manifestOf(2, 3, [merged]);
    const { id } = job(world.announce(newer), "loadSegment");
    const missing = { kind: "unreadable", reason: "missing", detail: "gone" } as const;
    expect(every(world.computed(id, missing), "restart")).toEqual([]);
    expect(world.report().cause).toContain("c1");
    expect(jobs(world.read(), "scan")).toHaveLength(1);
    const again = job(world.announce(newer), "loadSegment");
    world.segmentLoaded(again.id, [
      [1, 1],
      [2, 2],
    ]);
    expect(world.report()).toMatchObject({ cause: null, figures: { manifest: 2 } });
  });

  it("drops what still arrives for an adoption that was given up, and that alone", () => {
    const world = withClosedRange();
    world.log(inserted(5));
    world.log(sealed());
    const newer = manifestOf(1, 5, [
      segmentOf(
        "c1",
        [0, 3],
        [
          [1, 1],
          [2, 2],
        ],
      ),
      segmentOf("c2", [3, 5], [[5, 5]], { appliedThrough: 3 }),
    ]);
    // Held as growing rows, both are bound at once; with what compaction left out they are not.
    const merged = { ...newer, segments: newer.segments.map((s) => ({ ...s, appliedThrough: 3 })) };
    const readable = { readableFrom: { sequence: 3, commit: commitAt(3) } };
    const [one1, two] = jobs(world.announce({ ...merged, ...readable }), "loadSegment");
    if (!one1 || !two) throw new Error("two segments");
    const failed = { kind: "unreadable", reason: "unavailable", detail: "away" } as const;
    world.computed(one1.id, failed);
    const [three, four] = jobs(
      world.announce({ ...merged, ...readable, number: 2 }),
      "loadSegment",
    );
    if (!three || !four) throw new Error("two segments again");
    const late = world.computed(two.id, failed);
    expect(jobs(late, "dropRange")).toEqual([]);
    world.segmentLoaded(three.id, [
      [1, 1],
      [2, 2],
    ]);
    world.segmentLoaded(four.id, [[5, 5]]);
    expect(world.report().figures.manifest).toBe(2);
  });

  it("stops when a segment holds other rows than the log did", () => {
    const effects = withClosedRange().announce(
      manifestOf(1, 3, [
        segmentOf(
          "s1",
          [0, 3],
          [
            [1, 1],
            [7, 2],
          ],
        ),
      ]),
    );
    expect(one(effects, "restart").reason).toContain("does not hold the rows");
  });

  it("says that many rows are dead, once nobody can read them any more", () => {
    const world = withClosedRange();
    world.log(deleted(1));
    world.log(sealed());
    const segment = segmentOf(
      "s1",
      [0, 3],
      [
        [1, 1],
        [2, 2],
      ],
    );
    const readableFrom = { sequence: 5, commit: commitAt(5) };
    const effects = world.announce(manifestOf(1, 5, [segment], { readableFrom }));
    expect(published(effects)).toMatchObject([
      { kind: "DeadRowsCounted", segmentId: "s1", deadRows: 1, rowCount: 2 },
    ]);
    // Not with every manifest, but again when the announcement may have been lost.
    const manifest = (number: number) => manifestOf(number, 5, [segment], { readableFrom });
    expect(published(world.announce(manifest(2)))).toEqual([]);
    world.monotonicMs += 11_000;
    world.log(ticked);
    expect(published(world.announce(manifest(3)))).toMatchObject([{ kind: "DeadRowsCounted" }]);
    expect(published(world.announce(manifest(4)))).toEqual([]);
  });
});

describe("an index", () => {
  function damagedIndex(reason: "missing" | "corrupt" | "unavailable") {
    const world = withClosedRange();
    const segment = withIndex(
      segmentOf(
        "s1",
        [0, 3],
        [
          [1, 1],
          [2, 2],
        ],
      ),
      "i1",
    );
    const { id } = job(world.announce(manifestOf(1, 3, [segment])), "attachIndex");
    return { world, effects: world.computed(id, { kind: "unreadable", reason, detail: "x" }) };
  }

  it.each(["missing", "corrupt"] as const)("that is %s is announced, again and again", (reason) => {
    const { world, effects } = damagedIndex(reason);
    expect(published(effects)).toMatchObject([
      { kind: "IndexDamaged", key: "i1", segmentId: "s1" },
    ]);
    const { id } = job(world.pass(30_000, "refresh"), "attachIndex");
    const again = world.computed(id, { kind: "unreadable", reason, detail: "x" });
    expect(published(again)).toHaveLength(1);
  });

  it("that cannot be read now is tried again, and searches scan meanwhile", () => {
    const { world, effects } = damagedIndex("unavailable");
    expect(published(effects)).toEqual([]);
    const { id: read } = job(world.read(), "scan");
    world.computed(read, counted(2));
    const { id } = job(world.pass(30_000, "refresh"), "attachIndex");
    world.computed(id, { kind: "done" });
    expect(jobs(world.pass(30_000, "refresh"), "attachIndex")).toEqual([]);
    expect(world.report().figures.indexed).toBe(1);
  });
});

describe("a manifest whose segments end where no seal was read", () => {
  it("cuts the growing range there: the rows stay, and later ones grow on", () => {
    const world = new QueryWorld();
    world.serveFromNothing();
    for (const key of [1, 2, 3]) world.log(inserted(key));
    const early = segmentOf(
      "s2",
      [0, 2],
      [
        [1, 1],
        [2, 2],
      ],
    );
    const effects = world.announce(manifestOf(1, 2, [early]));
    expect(job(effects, "splitRange").job.rowCount).toBe(2);
    expect(jobs(effects, "loadSegment")).toEqual([]);
    expect(rangesOf(world)).toEqual([
      [0, 2, "s2"],
      [2, null, null],
    ]);
    world.log(sealed(2));
    expect(world.state.table.ranges).toHaveLength(2);
  });

  it("cuts a range that another seal had closed farther on", () => {
    const world = withClosedRange();
    const early = segmentOf("s1", [0, 1], [[1, 1]]);
    const late = segmentOf("s3", [1, 3], [[2, 2]]);
    world.announce(manifestOf(1, 3, [early, late]));
    expect(world.state.phase).toBe("serving");
    expect(rangesOf(world)).toEqual([
      [0, 1, "s1"],
      [1, 3, "s3"],
    ]);
  });
});

function rangesOf(world: QueryWorld) {
  return world.state.table.ranges.map(({ from, through, segmentId }) => [from, through, segmentId]);
}
