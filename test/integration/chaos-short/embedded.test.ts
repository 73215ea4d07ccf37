// A short run of chaos: twenty kills of real processes under load, and every row is accounted for.
import { expect, it } from "vitest";
import { chaosDefaults, isClean } from "../../../scripts/chaos/chaos-settings.js";
import { runChaos } from "../../../scripts/chaos/run-chaos.js";

it("keeps what it acknowledged through twenty kills", { timeout: 400_000 }, async () => {
  const report = await runChaos({
    ...chaosDefaults,
    ...{ kills: 20, writes: 2_000, seed: 7, coldStartSearches: 50, only: ["kill"] },
  });
  const { refused, notRecovered, violations, coldStart } = report;
  expect({ refused, notRecovered, violations, coldStart }).toMatchObject({
    ...{ refused: null, notRecovered: null, violations: [] },
    coldStart: { exactDifferences: 0, rowDifferences: 0 },
  });
  expect(isClean(report)).toBe(true);
  expect(report.kills).toBeGreaterThanOrEqual(20);
});
