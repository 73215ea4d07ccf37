// Compaction in any order, of any neighbours: a cold reader sees what the log says, no more.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { deathsOf, droppableTombstones, type Killer } from "../../src/segments/compaction.js";
import { createRandom } from "../index/random-vectors.js";
import { ChannelModel, type Rules, soundRules } from "./channel-model.js";

const never = Number.POSITIVE_INFINITY;

/** One random schedule; the seed tells it again. */
function runSchedule(seed: number, rules: Rules): ChannelModel {
  const random = createRandom(seed);
  const upTo = (count: number) => Math.floor(random() * count);
  const model = new ChannelModel(rules);
  const keyCount = 1 + upTo(5);
  const keys = () => Array.from({ length: 1 + upTo(3) }, () => BigInt(upTo(keyCount)));
  for (let step = 10 + upTo(50); step > 0; step -= 1) {
    const choice = random();
    const head = model.log.length;
    if (choice < 0.3) model.append({ kind: "rows", keys: keys() });
    else if (choice < 0.45) {
      model.append({ kind: "deleted", keys: keys(), bornThrough: head + 1 - upTo(6) });
    } else if (choice < 0.65) model.flush(head - upTo(3));
    else if (choice < 0.75) model.moveReadable(random());
    else if (choice < 0.9) model.takeTask(upTo(20), 1 + upTo(4));
    else model.commitTask();
  }
  model.moveReadable(random());
  return model;
}

function isWhole(model: ChannelModel): boolean {
  const sorted = (rows: readonly string[]) => [...rows].sort().join();
  const loaded = model.visibleAfterColdLoad();
  return model
    .visibleByLog()
    .every((rows, place) => sorted(rows) === sorted(loaded[place] as string[]));
}

describe("random schedules", () => {
  const schedules = 2_000;

  test("a cold reader sees exactly the rows of the log at every readable position", () => {
    let compactions = 0;
    let dropped = 0;
    for (let seed = 0; seed < schedules; seed += 1) {
      const model = runSchedule(seed, soundRules);
      expect(isWhole(model), `schedule ${seed}`).toBe(true);
      compactions += model.compactions;
      dropped += model.droppedTombstones;
    }
    expect(compactions).toBeGreaterThan(schedules / 2);
    expect(dropped).toBeGreaterThan(schedules / 20);
  });

  test("without the segments behind, rows stay that could go, and no row comes back", () => {
    for (let seed = 0; seed < schedules / 5; seed += 1) {
      const model = runSchedule(seed, { ...soundRules, later: () => [] });
      expect(isWhole(model), `schedule ${seed}`).toBe(true);
    }
  });

  const unsound: Readonly<Record<string, Rules>> = {
    "tombstones go with the first compaction": {
      ...soundRules,
      drop: (segments, tombstones) =>
        tombstones.filter(({ through }) => segments.some((s) => s.appliedThrough >= through)),
    },
    "tombstones go at once": { ...soundRules, drop: (_, tombstones) => tombstones },
    "a segment that begins just before a tombstone is overlooked": {
      ...soundRules,
      drop: (segments, tombstones) =>
        tombstones.filter(({ through }) =>
          segments.every((s) => s.from >= through - 2 || s.appliedThrough >= through),
        ),
    },
  };

  test.each(Object.entries(unsound))("planted: %s", (_, rules) => {
    const seeds = Array.from({ length: schedules }, (_unused, seed) => seed);
    expect(seeds.some((seed) => !isWhole(runSchedule(seed, rules)))).toBe(true);
  });
});

test("insert, upsert and delete in three segments; the second is compacted away", () => {
  const model = new ChannelModel(soundRules);
  model.append({ kind: "rows", keys: [1n] });
  model.flush(1);
  model.append({ kind: "rows", keys: [1n] });
  model.flush(2);
  model.append({ kind: "deleted", keys: [1n], bornThrough: 3 });
  model.flush(3);
  model.moveReadable(1);
  model.takeTask(1, 1);
  model.commitTask();
  expect(model.compactions).toBe(1);
  expect(model.visibleAfterColdLoad()).toEqual([[]]);
});

describe("when a row dies", () => {
  const births = (rows: readonly (readonly [bigint, number])[]) => ({
    keys: rows.map(([key]) => key),
    sequences: Float64Array.from(rows, ([, sequence]) => sequence),
  });
  const killer = (key: bigint, sequence: number, bornThrough = sequence): Killer => ({
    key,
    sequence,
    bornThrough,
  });

  test.each<[string, Parameters<typeof births>[0], Parameters<typeof births>[0], Killer[], number]>(
    [
      ["it lives", [[1n, 5]], [[2n, 6]], [killer(2n, 7)], never],
      ["by the next row with its key", [[1n, 5]], [[1n, 9]], [], 9],
      [
        "by a row of its own entry",
        [
          [1n, 5],
          [1n, 5],
        ],
        [],
        [],
        5,
      ],
      ["by a tombstone before that row", [[1n, 5]], [[1n, 9]], [killer(1n, 7)], 7],
      ["not by a tombstone before its birth", [[1n, 5]], [], [killer(1n, 4)], never],
      ["not by one that does not reach back to it", [[1n, 5]], [], [killer(1n, 8, 4)], never],
      ["by the first that does", [[1n, 5]], [], [killer(1n, 9), killer(1n, 8, 4)], 9],
      ["at the row's own birth", [[1n, 5]], [], [killer(1n, 6, 5)], 6],
    ],
  )("%s", (_, input, later, tombstones, died) => {
    const [deaths] = deathsOf({ inputs: [births(input)], later: [births(later)], tombstones });
    expect(deaths?.[0]).toBe(died);
  });
});

test("a tombstone goes when every segment with an older row is applied through it", () => {
  const segments = fc.array(fc.record({ from: fc.nat(9), appliedThrough: fc.nat(9) }));
  const tombstones = fc.array(fc.record({ through: fc.integer({ min: 1, max: 9 }) }));
  fc.assert(
    fc.property(segments, tombstones, (spans, files) => {
      const kept = files.filter((file) => !droppableTombstones(spans, files).includes(file));
      const needed = files.filter(({ through }) =>
        spans.some((span) => span.from < through && span.appliedThrough < through),
      );
      expect(kept).toEqual(needed);
    }),
  );
});
