// Runs one seed: the world, its load and its faults, then peace, and a last look at everything.
import { Auditor } from "./auditor.js";
import { type CrashDirector, CrashWatch } from "./crashes/crash-watch.js";
import { startOperator } from "./crashes/operator.js";
import { leaveRelics } from "./crashes/relics.js";
import { finalAudit } from "./final-audit.js";
import { Gateway } from "./gateway.js";
import { endDrains, startHosts } from "./membership.js";
import type { Mutant } from "./mutant.js";
import { heal, startNemesis, startWatching } from "./nemesis.js";
import { type Scenario, scenarioOf } from "./scenario.js";
import { createTrace } from "./trace.js";
import { Workload } from "./workload.js";
import { World } from "./world.js";

export interface SeedResult {
  readonly seed: number;
  readonly steps: number;
  readonly hash: string;
  readonly violation: string | null;
  readonly virtualMs: number;
  readonly counts: Workload["counts"];
  readonly lines: readonly string[];
}

export interface SeedOptions {
  readonly seed: number;
  readonly mutant?: Mutant | null;
  readonly keepsTrace?: boolean;
  readonly scenario?: Scenario;
  /** Processes die where it says, and the run ends when it has had enough. */
  readonly crashes?: CrashDirector;
}

const stepsMax = 400_000;

export async function runSeed(options: SeedOptions): Promise<SeedResult> {
  const { seed, mutant = null, keepsTrace = false } = options;
  const trace = createTrace(keepsTrace);
  const auditor = new Auditor();
  const scenario = options.scenario ?? provokedScenario(seed, mutant);
  const world = new World(scenario, trace, mutant, auditor);
  auditor.watch(world);
  const director = options.crashes;
  world.crashes = director === undefined ? null : new CrashWatch(world, director);
  const gateway = new Gateway(world);
  const workload = new Workload({ world, gateway });
  const run = new Stepper(world);
  if (scenario.hasRelics === true) leaveRelics(world);
  startHosts(world);
  startWatching(world);
  world.after(1, () => workload.create(() => workload.start()));
  startNemesis(world, gateway);
  if (scenario.hasOperator === true) startOperator(world, gateway);
  const isEnough = () => director?.isEnough(world.nowMs) === true;
  await run.until(world.scenario.workMs, isEnough);
  workload.isOver = true;
  await heal(world);
  endDrains(world, gateway);
  await run.for(5_000);
  if (auditor.violations.length === 0) await finalAudit({ world, gateway, run });
  return {
    seed,
    steps: run.steps,
    hash: trace.hash(),
    violation: auditor.violations[0]?.text ?? null,
    virtualMs: world.nowMs,
    counts: workload.counts,
    lines: trace.lines,
  };
}

/** The scenario of a seed, with what provokes this planted bug. */
export function provokedScenario(seed: number, mutant: Mutant | null): Scenario {
  const scenario = scenarioOf(seed);
  return mutant?.provoke?.(scenario) ?? scenario;
}

/** Lets virtual time pass until something is found to be wrong. */
export class Stepper {
  readonly #world: World;
  steps = 0;

  constructor(world: World) {
    this.#world = world;
  }

  for(ms: number): Promise<void> {
    return this.until(this.#world.nowMs + ms);
  }

  async until(atMs: number, isEnough = () => false): Promise<void> {
    const { schedule, auditor } = this.#world;
    let isReached = false;
    this.#world.after(atMs - schedule.nowMs, () => {
      isReached = true;
    });
    while (!isReached && !isEnough() && auditor.violations.length === 0) {
      const stepped = schedule.step();
      if (stepped !== true && !(await stepped)) return;
      this.steps += 1;
      if (this.steps > stepsMax) auditor.fail(`${stepsMax} steps and no end`);
    }
  }
}
