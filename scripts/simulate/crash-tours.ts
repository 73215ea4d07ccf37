// All pairs of crash points in the simulation: many in each world, until nothing new is met.
import type { CrashLoad } from "../../src/simulation/crashes/crash-scenario.js";
import type { TouredPoint } from "../../src/simulation/crashes/pair-tour.js";
import type { CrashJob, PairJob, PairResult } from "../../src/simulation/crashes/run-crashes.js";
import { runJobs } from "./run-jobs.js";

export interface Failure {
  readonly job: CrashJob | PairJob;
  readonly violation: string;
}

export interface TouredPairs {
  /** A process died at a point, and one again at a point that the recovery met. */
  readonly pairs: number;
  readonly worlds: number;
  /** First points of which every second one that their recoveries meet was tried. */
  readonly firstPointsDone: number;
  /** Those with which something is left. */
  readonly firstPointsOpen: number;
  readonly violations: number;
  readonly failures: readonly Failure[];
}

interface Tour extends PairJob {
  /** How many worlds in a row brought nothing. */
  readonly barren: number;
}

const entry = new URL("./pair-thread.js", import.meta.url);
const pointsOfTour = 8;
const pairsOfWorld = 80;
const barrenMax = 6;

/** `firsts`: for each point the run that comes to it soonest. */
export async function tourPairs(
  firsts: readonly CrashJob[],
  isQuick: boolean,
): Promise<TouredPairs> {
  const tours = toursOf(firsts);
  const figures = { pairs: 0, worlds: 0, firstPointsDone: 0, firstPointsOpen: 0 };
  const failures: Failure[] = [];
  await runJobs<Tour, PairResult>({
    entry,
    threadsMax: tours.length,
    next: () => tours.shift() ?? null,
    onResult(result, job) {
      figures.worlds += 1;
      figures.pairs += result.pairs;
      figures.firstPointsDone += result.done.length;
      if (result.violation !== null) failures.push({ job, violation: result.violation });
      const barren = result.pairs + result.done.length === 0 ? job.barren + 1 : 0;
      const isLast = isQuick || barren >= barrenMax || result.violation !== null;
      if (result.open.length === 0) return;
      if (isLast) figures.firstPointsOpen += result.open.length;
      else tours.push({ ...job, barren, seed: job.seed + 100, open: result.open });
    },
  });
  return { ...figures, violations: failures.length, failures };
}

/** Points that the same run comes to are toured together. */
function toursOf(firsts: readonly CrashJob[]): Tour[] {
  const byRun = new Map<string, { seed: number; load: CrashLoad; open: TouredPoint[] }>();
  for (const { seed, load, plan } of firsts) {
    const name = `${load} ${seed}`;
    const run = byRun.get(name) ?? { seed, load, open: [] };
    const points = plan.map(({ point }) => ({ point, seconds: [], isLate: false }));
    byRun.set(name, { ...run, open: [...run.open, ...points] });
  }
  return [...byRun.values()].flatMap(({ seed, load, open }) => {
    const count = Math.ceil(open.length / pointsOfTour);
    return Array.from({ length: count }, (_, part) => ({
      ...{ seed, load, barren: 0, pairsMax: pairsOfWorld },
      open: open.filter((_point, at) => at % count === part),
    }));
  });
}
