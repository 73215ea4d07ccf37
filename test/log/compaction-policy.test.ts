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
const choose = (
  segments: readonly ManifestSegment[],
  deadRows: ReadonlyMap<string, number>,
  mergeBytes: number,
  rest = {},
) =>
  chooseCompaction(segments, {
    ...{ deadRows, mergeBytes, damaged: new Set<string>(), isQuiet: false },
    ...rest,
  });
const dead = (...counts: readonly (readonly [number, number])[]) =>
  new Map(counts.map(([n, count]) => [`s${n}`, count]));

describe("without dead rows", () => {
  it("four neighbours of a tier are merged, if they fit together", () => {
    const small = segments(6, 100 * kibibyte);
    expect(idsOf(choose(small, dead(), 1024 * kibibyte))).toHaveLength(4);
    expect(choose(small, dead(), 300 * kibibyte)).toEqual([]);
    expect(choose(small.slice(0, 3), dead(), 1024 * kibibyte)).toEqual([]);
  });
});

describe("with dead rows", () => {
  it("few are left alone", () => {
    expect(choose(segments(3, kibibyte), dead([1, 20]), kibibyte)).toEqual([]);
  });

  it("one that is too large to be merged is rewritten alone", () => {
    const large = segments(5, 900 * kibibyte);
    expect(idsOf(choose(large, dead([2, 30]), 1024 * kibibyte))).toEqual(["s2"]);
  });

  it("neighbours go with the one that has most, as far as the living make one segment", () => {
    const half = segments(8, 100 * kibibyte);
    const counts = dead([2, 50], [3, 90], [4, 50], [6, 50]);
    const chosen = idsOf(choose(half, counts, 280 * kibibyte));
    expect(chosen).toEqual(["s2", "s3", "s4", "s5", "s6"]);
  });

  it("a long backlog takes steps of a bounded size", () => {
    const many = segments(500, kibibyte);
    const all = new Map(many.map(({ id }) => [id, 100]));
    const chosen = choose(many, all, 1024 * kibibyte);
    expect(chosen).toHaveLength(16);
    const places = chosen.map((one) => many.indexOf(one));
    expect(places).toEqual(places.map((_, n) => (places[0] as number) + n));
  });
});

describe("where nothing changes any more", () => {
  const chosen = (sizes: readonly number[], mergeBytes = 1024 * kibibyte) =>
    idsOf(
      choose(
        sizes.map((size, n) => segment(n, size * kibibyte)),
        dead(),
        mergeBytes,
        { isQuiet: true },
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

it("what cannot be read is left out, and what stands around it is merged apart", () => {
  const small = segments(9, 100 * kibibyte);
  const damaged = new Set(["s2"]);
  const chosen = choose(small, dead([1, 90], [2, 100]), 1024 * kibibyte, { damaged });
  expect(idsOf(chosen)).toEqual(["s0", "s1"]);
  const rest = choose(small, dead(), 1024 * kibibyte, { damaged });
  expect(idsOf(rest)).toEqual(["s3", "s4", "s5", "s6"]);
});
