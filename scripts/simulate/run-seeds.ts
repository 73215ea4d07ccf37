// Runs many seeds on as many threads as there are cores.
import type { SeedResult } from "../../src/simulation/run-seed.js";
import { runJobs } from "./run-jobs.js";
import type { SeedJob } from "./seed-thread.js";

export interface SeedRange {
  readonly from: number;
  readonly count: number;
}

export interface SeedsOptions {
  /** The name of a planted bug; null: none. */
  readonly bug: string | null;
  readonly keepsTrace: boolean;
  /** No further seed is begun once one was found to fail. */
  readonly untilFirst: boolean;
  onResult(result: SeedResult): void;
}

export async function runSeeds(range: SeedRange, options: SeedsOptions): Promise<void> {
  const { bug, keepsTrace } = options;
  const queue = { next: range.from, end: range.from + range.count };
  await runJobs<SeedJob, SeedResult>({
    entry: new URL("./seed-thread.js", import.meta.url),
    threadsMax: range.count,
    next: () => (queue.next < queue.end ? { seed: queue.next++, bug, keepsTrace } : null),
    onResult(result) {
      if (result.violation !== null && options.untilFirst) queue.next = queue.end;
      options.onResult(result);
    },
  });
}
