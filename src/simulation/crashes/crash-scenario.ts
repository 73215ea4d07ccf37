// The load under which processes die at points of a plan: small thresholds, and no other faults.
import { calmScenario, noOdds, type Scenario } from "../scenario.js";

/** Collections that stay, collections and hosts that come and go, objects that are read damaged. */
export const crashLoads = ["steady", "dropping", "damaged"] as const;
export type CrashLoad = (typeof crashLoads)[number];

export function crashScenario(seed: number, load: CrashLoad): Scenario {
  return {
    ...calmScenario(seed),
    clients: 2,
    workMs: 30_000,
    pauseBetweenMs: 130,
    replicas: 2,
    keys: 12,
    asOfWindowMs: 500,
    sealRows: 6,
    sealAgeMs: 900,
    altersCollections: true,
    hasRelics: true,
    hasOperator: load !== "steady",
    dropsCollections: load === "dropping",
    odds: load === "damaged" ? { ...noOdds, corruptRead: 0.02 } : noOdds,
  };
}
