// A thread's entry: runs one seed after the other, as they are handed to it.
import { parentPort } from "node:worker_threads";
import { findMutant } from "../../src/simulation/mutants/all.js";
import { runSeed, type SeedResult } from "../../src/simulation/run-seed.js";

export interface SeedJob {
  readonly seed: number;
  /** The name of a planted bug. */
  readonly bug: string | null;
  readonly keepsTrace: boolean;
}

export type SeedAnswer = { ok: true; result: SeedResult } | { ok: false; error: string };

const port = parentPort;
if (port === null) throw new Error("this file is the entry of a worker thread");

port.on("message", ({ seed, bug, keepsTrace }: SeedJob) => {
  const mutant = bug === null ? null : (findMutant(bug) ?? null);
  void runSeed({ seed, mutant, keepsTrace }).then(
    (result) => port.postMessage({ ok: true, result } satisfies SeedAnswer),
    (error: unknown) => {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      port.postMessage({ ok: false, error: `seed ${seed}: ${text}` } satisfies SeedAnswer);
    },
  );
});
