// The simulation itself: short runs find nothing wrong, and one seed is one run, however often.
import { describe, expect, test } from "vitest";
import { runSeed } from "../../src/simulation/run-seed.js";

const firstSeed = 5_000;
const seeds = 25;

describe("simulation", () => {
  test(`${seeds} seeds show no violation, and much is written and read`, async () => {
    let [acknowledged, answered] = [0, 0];
    for (let seed = firstSeed; seed < firstSeed + seeds; seed += 1) {
      const result = await runSeed({ seed });
      expect(result.violation, `seed ${seed}`).toBeNull();
      acknowledged += result.counts.acknowledged;
      answered += result.counts.answered;
    }
    expect(acknowledged).toBeGreaterThan(20 * seeds);
    expect(answered).toBeGreaterThan(20 * seeds);
  }, 60_000);

  test("the same seed gives the same trace, another seed another", async () => {
    const [first, again, other] = [
      await runSeed({ seed: 3, keepsTrace: true }),
      await runSeed({ seed: 3, keepsTrace: true }),
      await runSeed({ seed: 4 }),
    ];
    expect(again.lines).toEqual(first.lines);
    expect(again.hash).toBe(first.hash);
    expect(other.hash).not.toBe(first.hash);
  }, 30_000);
});
