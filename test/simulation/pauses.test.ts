// Hosts that wake after three TTLs and more change nothing: others own by then what was theirs.
import { expect, test } from "vitest";
import { runSeed } from "../../src/simulation/run-seed.js";
import {
  noOdds,
  noRates,
  type Scenario,
  scenarioOf,
  timings,
} from "../../src/simulation/scenario.js";

const pausesWanted = 40;
const seedsMax = 40;

function onlyPauses(seed: number): Scenario {
  const faults = { rates: { ...noRates, pause: 1_500 }, odds: noOdds, losesTails: false };
  return { ...scenarioOf(seed), ...faults, workMs: 60_000, replicas: 2 };
}

test(`${pausesWanted} pauses of three TTLs and more: nothing is lost or invented`, async () => {
  let pauses = 0;
  for (let seed = 1; pauses < pausesWanted && seed <= seedsMax; seed += 1) {
    const { violation, lines } = await runSeed({
      ...{ seed, keepsTrace: true },
      scenario: onlyPauses(seed),
    });
    expect(violation, `seed ${seed}`).toBeNull();
    const frozenMs = lines.flatMap((line) => /freezes for (\d+) ms/.exec(line)?.[1] ?? []);
    pauses += frozenMs.filter((ms) => Number(ms) >= 3 * timings.sessionTtlMs).length;
  }
  expect(pauses).toBeGreaterThanOrEqual(pausesWanted);
}, 60_000);
