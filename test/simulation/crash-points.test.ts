// Crash points: the list of them is what runs really come to, and dying at one is survived.
import { expect, test } from "vitest";
import { crashPoints } from "../../src/simulation/crashes/crash-points.js";
import { crashLoads } from "../../src/simulation/crashes/crash-scenario.js";
import { runCrashes } from "../../src/simulation/crashes/run-crashes.js";

const seeds = [1, 2, 3, 4];

test("every listed point is met, and no other", { timeout: 180_000 }, async () => {
  const met = new Set<string>();
  for (const seed of seeds) {
    for (const load of crashLoads) {
      if (met.size === crashPoints.length) break;
      const run = await runCrashes({ seed, load, plan: [] });
      expect(run.violation, `${load}, seed ${seed}`).toBeNull();
      for (const point of run.met[0]?.keys() ?? []) met.add(point);
    }
  }
  expect([...met].sort()).toEqual([...crashPoints].sort());
});

test.each([
  "data-worker/writeMetadata:roots/before",
  "data-worker/writeMetadata:roots/after",
  "data-worker/writeObject:manifests/after",
  "coordinator/createChannel/after",
  "coordinator/writeMetadata:collections.creating/after",
  "proxy/append:RowsInserted/after",
  "host/writeMetadata:sessions/before",
])(
  "a process that dies at %s is recovered from, also when it dies again",
  async (point) => {
    const once = { point, hit: 1 };
    const first = await runCrashes({ seed: 1, load: "steady", plan: [once] });
    expect(first).toMatchObject({ crashes: 1, violation: null });
    const [second] = [...(first.met[1]?.keys() ?? [])].filter((name) => !name.startsWith("host/"));
    if (second === undefined) throw new Error("the recovery comes to no point");
    const plan = [once, { point: second, hit: 1 }];
    const twice = await runCrashes({ seed: 1, load: "steady", plan });
    expect(twice).toMatchObject({ crashes: 2, violation: null });
  },
  60_000,
);

test("a run with the same plan is the same run", async () => {
  const plan = [{ point: "data-worker/writeObject:segments/after", hit: 2 }];
  const [one, other] = [
    await runCrashes({ seed: 2, load: "steady", plan }),
    await runCrashes({ seed: 2, load: "steady", plan }),
  ];
  expect(one.crashes).toBe(1);
  expect([...(other.met[1] ?? [])]).toEqual([...(one.met[1] ?? [])]);
}, 60_000);
