// A short run of chaos for tests: kills of real processes under load, every row accounted for.
import { expect } from "vitest";
import {
  type ChaosReport,
  type ChaosSettings,
  chaosDefaults,
} from "../../../scripts/chaos/chaos-settings.js";
import { runChaos } from "../../../scripts/chaos/run-chaos.js";

const kills = 20;

/** Some 60 s where nothing else runs; much longer where many other tests do. */
export const withinMs = 400_000;

export async function shortRun(profile: ChaosSettings["profile"]): Promise<ChaosReport> {
  const report = await runChaos({
    ...{ ...chaosDefaults, profile, kills, writes: 2_000, seed: 7 },
    ...{ coldStartSearches: 50, only: ["kill"], pauseMs: 100 },
  });
  const { refused, notRecovered, violations, coldStart } = report;
  expect({ refused, notRecovered, violations }).toEqual({
    ...{ refused: null, notRecovered: null, violations: [] },
  });
  expect(coldStart).toMatchObject({ exactDifferences: 0, rowDifferences: 0 });
  expect(coldStart?.approximateDifferences ?? 0).toBe(0);
  expect(report.kills).toBeGreaterThanOrEqual(kills);
  return report;
}
