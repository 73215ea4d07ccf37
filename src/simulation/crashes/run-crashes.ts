// One simulated run in which processes die at the points of a plan, and all is audited.
import { runSeed } from "../run-seed.js";
import { type CrashLoad, crashScenario } from "./crash-scenario.js";
import { PairTour, type TouredPoint } from "./pair-tour.js";
import { type MetPoint, type PlannedCrash, PlannedCrashes } from "./planned-crashes.js";

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
  const crashes = new PlannedCrashes(plan);
  const { violation } = await runSeed({ seed, scenario: crashScenario(seed, load), crashes });
  return { crashes: crashes.crashes, violation, met: crashes.met };
}

export interface PairJob {
  readonly seed: number;
  readonly load: CrashLoad;
  readonly open: readonly TouredPoint[];
  readonly pairsMax: number;
}

export interface PairResult {
  readonly pairs: number;
  /** First points with which all that their recovery meets was tried. */
  readonly done: readonly TouredPoint[];
  /** The others, for a further run. */
  readonly open: readonly TouredPoint[];
  readonly violation: string | null;
}

/** No run comes to it: the tour ends before. */
const tourMsMax = 3_600_000;

/** One simulated run with pairs of crashes one after the other; all of it is audited. */
export async function runPairs({ seed, load, open, pairsMax }: PairJob): Promise<PairResult> {
  const tour = new PairTour(open, pairsMax);
  const scenario = { ...crashScenario(seed, load), workMs: tourMsMax };
  const { violation } = await runSeed({ seed, scenario, crashes: tour });
  const told = violation === null ? null : `${violation} (the last pair began at ${tour.last})`;
  return { pairs: tour.pairs, done: tour.done, open: tour.open, violation: told };
}
