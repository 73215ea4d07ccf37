// What is compacted together: half-dead neighbours in one step, and small ones of one tier.
import { describe, expect, it } from "vitest";
import { chooseCompaction } from "../../src/log/compaction-policy.js";
import type { ManifestSegment } from "../../src/storage/manifest.js";

const kibibyte = 1024;

function segment(n: number, bytes: number): ManifestSegment {
  const object = { key: `c/${n}`, sha256: "0".repeat(64), bytes };
  const place = { id: `s${n}`, from: n * 10, through: (n + 1) * 10 };
  return { ...place, rowCount: 100, keyDigest: "0", object, appliedThrough: 0, indexes: [] };
}

const segments = (count: number, bytes: number) =>
  Array.from({ length: count }, (_, n) => segment(n, bytes));
const idsOf = (chosen: readonly ManifestSegment[]) => chosen.map(({ id }) => id);
const dead = (...counts: readonly (readonly [number, number])[]) =>
  new Map(counts.map(([n, count]) => [`s${n}`, count]));

describe("without dead rows", () => {
  it("four neighbours of a tier are merged, if they fit together", () => {
    const small = segments(6, 100 * kibibyte);
    expect(idsOf(chooseCompaction(small, dead(), 1024 * kibibyte, false))).toHaveLength(4);
    expect(chooseCompaction(small, dead(), 300 * kibibyte, false)).toEqual([]);
    expect(chooseCompaction(small.slice(0, 3), dead(), 1024 * kibibyte, false)).toEqual([]);
  });
});

describe("with dead rows", () => {
  it("few are left alone", () => {
    expect(chooseCompaction(segments(3, kibibyte), dead([1, 20]), kibibyte, false)).toEqual([]);
  });

  it("one that is too large to be merged is rewritten alone", () => {
    const large = segments(5, 900 * kibibyte);
    expect(idsOf(chooseCompaction(large, dead([2, 30]), 1024 * kibibyte, false))).toEqual(["s2"]);
  });

  it("neighbours go with the one that has most, as far as the living make one segment", () => {
    const half = segments(8, 100 * kibibyte);
    const counts = dead([2, 50], [3, 90], [4, 50], [6, 50]);
    const chosen = idsOf(chooseCompaction(half, counts, 280 * kibibyte, false));
    expect(chosen).toEqual(["s2", "s3", "s4", "s5", "s6"]);
  });

  it("a long backlog takes steps of a bounded size", () => {
    const many = segments(500, kibibyte);
    const all = new Map(many.map(({ id }) => [id, 100]));
    const chosen = chooseCompaction(many, all, 1024 * kibibyte, false);
    expect(chosen).toHaveLength(16);
    const places = chosen.map((one) => many.indexOf(one));
    expect(places).toEqual(places.map((_, n) => (places[0] as number) + n));
  });
});

describe("where nothing changes any more", () => {
  const chosen = (sizes: readonly number[], mergeBytes = 1024 * kibibyte) =>
    idsOf(
      chooseCompaction(
        sizes.map((size, n) => segment(n, size * kibibyte)),
        dead(),
        mergeBytes,
        true,
      ),
    );

  it("any neighbours are merged that make the largest of them a quarter larger", () => {
    expect(chosen([64, 34])).toEqual(["s0", "s1"]);
    expect(chosen([100, 25])).toEqual(["s0", "s1"]);
    expect(chosen([100, 24])).toEqual([]);
    expect(chosen([100, 10, 10, 10])).toEqual(["s0", "s1", "s2", "s3"]);
    expect(chosen([10, 1_000, 10])).toEqual([]);
    expect(chosen([64])).toEqual([]);
  });

  it("as many as make one segment", () => {
    expect(chosen([500, 500, 500])).toEqual(["s0", "s1"]);
    expect(chosen([1_000, 300, 600, 300])).toEqual(["s1", "s2"]);
  });
});
