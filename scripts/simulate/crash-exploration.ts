// Every crash point in the simulation: each alone, each pair, and a sample three deep.
import { crashPoints } from "../../src/simulation/crashes/crash-points.js";
import { type CrashLoad, crashLoads } from "../../src/simulation/crashes/crash-scenario.js";
import type { MetPoint, PlannedCrash } from "../../src/simulation/crashes/planned-crashes.js";
import type { CrashJob, CrashResult } from "../../src/simulation/crashes/run-crashes.js";
import { createRandom } from "../../src/simulation/random.js";
import { type Failure, type TouredPairs, tourPairs } from "./crash-tours.js";
import { runJobs } from "./run-jobs.js";

export interface SimulatedCrashesOptions {
  readonly seed: number;
  /** Only a few of the pairs; else all there are. */
  readonly isQuick: boolean;
  readonly triples: number;
  onProgress(text: string): void;
}

export interface Explored {
  readonly tried: number;
  readonly reached: number;
  readonly passed: number;
}

export interface SimulatedCrashes {
  readonly points: number;
  /** Points that no run without crashes comes to. */
  readonly unreached: readonly string[];
  /** Points that a run comes to and no list names. */
  readonly unlisted: readonly string[];
  readonly singles: Explored;
  readonly pairs: Omit<TouredPairs, "failures">;
  readonly triples: Explored;
  readonly failures: readonly Failure[];
}

const probeSeeds = [1, 2, 3, 4];
const laterHitMax = 12;
const entry = new URL("./crash-thread.js", import.meta.url);

interface Done {
  readonly job: CrashJob;
  readonly result: CrashResult;
}

export async function exploreSimulated(
  options: SimulatedCrashesOptions,
): Promise<SimulatedCrashes> {
  const random = createRandom(options.seed);
  const probes = await runAll(
    crashLoads.flatMap((load) => probeSeeds.map((seed) => ({ load, seed, plan: [] }))),
  );
  const met = new Set(probes.flatMap(({ result }) => [...(result.met[0]?.keys() ?? [])]));
  const first = crashPoints.flatMap((point) => earliest(probes, point) ?? []);
  const later = first.flatMap(({ job, entry: { hits } }) => {
    const [{ point }] = job.plan as [PlannedCrash];
    if (hits === 1) return [];
    const hit = 2 + random.below(Math.min(hits, laterHitMax) - 1);
    return [{ ...job, plan: [{ point, hit }] }];
  });
  const singles = await runAll([...first.map(({ job }) => job), ...later]);
  options.onProgress(`${singles.length} crashes alone, ${first.length} points`);
  const pairs = await tourPairs(
    first.map(({ job }) => job),
    options.isQuick,
  );
  options.onProgress(`${pairs.pairs} pairs, ${pairs.firstPointsDone} points with all of theirs`);
  const deep = deeper(await runAll(sampled(random, deeper(singles), options.triples)));
  const triples = await runAll(sampled(random, deep, options.triples));
  options.onProgress(`${triples.length} triples`);
  const { failures: pairFailures, ...pairFigures } = pairs;
  return {
    points: crashPoints.length,
    unreached: crashPoints.filter((point) => !met.has(point)),
    unlisted: [...met].filter((point) => !crashPoints.includes(point)),
    ...{ singles: figuresOf(singles), pairs: pairFigures, triples: figuresOf(triples) },
    failures: [...[probes, singles, triples].flatMap(failuresOf), ...pairFailures],
  };
}

/** The run that comes to the point soonest, so that little has to be run before it. */
function earliest(
  probes: readonly Done[],
  point: string,
): { job: CrashJob; entry: MetPoint } | undefined {
  return probes
    .flatMap(({ job: { load, seed }, result }) => {
      const entry = result.met[0]?.get(point);
      return entry === undefined ? [] : [{ job: { load, seed, plan: [{ point, hit: 1 }] }, entry }];
    })
    .sort((left, right) => costOf(left) - costOf(right))[0];
}

/** Damaged objects are tried again and again, which makes long runs. */
function costOf({ job, entry }: { job: { load: CrashLoad }; entry: MetPoint }): number {
  return entry.firstAtMs + (job.load === "damaged" ? 20_000 : 0);
}

/** To each run a further crash, at every point that its last recovery comes to. */
function deeper(runs: readonly Done[]): CrashJob[] {
  return runs.flatMap(({ job, result }) => {
    const met = result.met[job.plan.length];
    if (result.crashes < job.plan.length || met === undefined) return [];
    return [...met.keys()].map((point) => ({ ...job, plan: [...job.plan, { point, hit: 1 }] }));
  });
}

function sampled(
  random: ReturnType<typeof createRandom>,
  jobs: CrashJob[],
  countMax: number,
): readonly CrashJob[] {
  if (jobs.length <= countMax) return jobs;
  const rest = [...jobs];
  return Array.from({ length: countMax }, () => {
    const at = random.below(rest.length);
    const [job] = rest.splice(at, 1);
    return job as CrashJob;
  });
}

async function runAll(jobs: readonly CrashJob[]): Promise<Done[]> {
  const done: (Done | undefined)[] = jobs.map(() => undefined);
  let next = 0;
  await runJobs<{ at: number } & CrashJob, CrashResult>({
    entry,
    threadsMax: jobs.length,
    next() {
      const at = next++;
      const job = jobs[at];
      return job === undefined ? null : { ...job, at };
    },
    onResult(result, { at }) {
      done[at] = { job: jobs[at] as CrashJob, result };
    },
  });
  return done.flatMap((one) => one ?? []);
}

function figuresOf(runs: readonly Done[]): Explored {
  const reached = runs.filter(({ job, result }) => result.crashes === job.plan.length);
  const passed = reached.filter(({ result }) => result.violation === null);
  return { tried: runs.length, reached: reached.length, passed: passed.length };
}

function failuresOf(runs: readonly Done[]): Failure[] {
  return runs.flatMap(({ job, result: { violation, crashes } }) => {
    if (violation !== null) return [{ job, violation }];
    if (crashes === job.plan.length) return [];
    return [{ job, violation: `only ${crashes} of ${job.plan.length} crashes came` }];
  });
}
