// Each planted bug is found within a few seeds: what the auditor does not see proves nothing.
import { describe, expect, test } from "vitest";
import type { Mutant } from "../../src/simulation/mutant.js";
import { mutants } from "../../src/simulation/mutants/all.js";
import { provokedScenario, runSeed, type SeedResult } from "../../src/simulation/run-seed.js";

const seedsMax = 30;

async function firstFinding(mutant: Mutant): Promise<SeedResult | null> {
  for (let seed = 1; seed <= seedsMax; seed += 1) {
    const result = await runSeed({ seed, mutant });
    if (result.violation !== null) return result;
  }
  return null;
}

describe("planted bugs", () => {
  test("there are at least twelve, by different names", () => {
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
    expect(mutants.length).toBeGreaterThanOrEqual(12);
  });

  for (const mutant of mutants) {
    test(`${mutant.name}: ${mutant.about}`, { timeout: 240_000 }, async () => {
      const found = await firstFinding(mutant);
      if (found === null) expect.fail(`not found within ${seedsMax} seeds`);
      const { seed } = found;
      const innocent = await runSeed({ seed, scenario: provokedScenario(seed, mutant) });
      expect(innocent.violation, "the same seed without the bug").toBeNull();
    });
  }
});
