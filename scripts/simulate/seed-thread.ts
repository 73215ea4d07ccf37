// A thread's entry: runs one seed after the other, as they are handed to it.
import { findMutant } from "../../src/simulation/mutants/all.js";
import { runSeed } from "../../src/simulation/run-seed.js";
import { answerJobs } from "./answer-jobs.js";

export interface SeedJob {
  readonly seed: number;
  /** The name of a planted bug. */
  readonly bug: string | null;
  readonly keepsTrace: boolean;
}

answerJobs(
  ({ seed, bug, keepsTrace }: SeedJob) => {
    const mutant = bug === null ? null : (findMutant(bug) ?? null);
    return runSeed({ seed, mutant, keepsTrace });
  },
  ({ seed }) => `seed ${seed}`,
);
