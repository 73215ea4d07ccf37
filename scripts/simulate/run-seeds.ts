// Runs many seeds on as many threads as there are cores.
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { SeedResult } from "../../src/simulation/run-seed.js";
import type { SeedAnswer, SeedJob } from "./seed-thread.js";

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

/** Rejects when a thread dies or a seed throws: then the simulation itself is broken. */
export async function runSeeds(range: SeedRange, options: SeedsOptions): Promise<void> {
  const threads = Math.min(range.count, availableParallelism());
  const queue = { next: range.from, end: range.from + range.count };
  await Promise.all(Array.from({ length: threads }, () => runThread(queue, options)));
}

async function runThread(
  queue: { next: number; end: number },
  options: SeedsOptions,
): Promise<void> {
  const { bug, keepsTrace } = options;
  const worker = new Worker(new URL("./seed-thread.js", import.meta.url));
  try {
    while (queue.next < queue.end) {
      const seed = queue.next++;
      const result = await ask(worker, { seed, bug, keepsTrace });
      if (result.violation !== null && options.untilFirst) queue.next = queue.end;
      options.onResult(result);
    }
  } finally {
    await worker.terminate();
  }
}

function ask(worker: Worker, job: SeedJob): Promise<SeedResult> {
  return new Promise((resolve, reject) => {
    const settle = (answer: SeedAnswer) => {
      worker.off("error", reject);
      if (answer.ok) resolve(answer.result);
      else reject(new Error(answer.error));
    };
    worker.once("message", settle);
    worker.once("error", reject);
    worker.postMessage(job);
  });
}
