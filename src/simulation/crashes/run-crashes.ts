// One simulated run in which processes die at the points of a plan, and all is audited.
import { runSeed } from "../run-seed.js";
import { type CrashLoad, crashScenario } from "./crash-scenario.js";
import type { MetPoint, PlannedCrash } from "./crash-watch.js";

export interface CrashJob {
  readonly seed: number;
  readonly load: CrashLoad;
  /** Empty: nothing dies, and the run tells which points there are to die at. */
  readonly plan: readonly PlannedCrash[];
}

export interface CrashResult {
  /** How many of the planned crashes have come. */
  readonly crashes: number;
  readonly violation: string | null;
  /** The points met before the first crash, during the recovery from it, and so on. */
  readonly met: readonly ReadonlyMap<string, MetPoint>[];
}

export async function runCrashes({ seed, load, plan }: CrashJob): Promise<CrashResult> {
  const result = await runSeed({ seed, scenario: crashScenario(seed, load), crashes: plan });
  return { crashes: result.met.length - 1, violation: result.violation, met: result.met };
}
