// Hands jobs to as many threads as there are cores: each answers one after the other.
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";

export type JobAnswer<Result> = { ok: true; result: Result } | { ok: false; error: string };

export interface Jobs<Job, Result> {
  /** The file of the thread, which answers each message with a `JobAnswer`. */
  readonly entry: URL;
  readonly threadsMax: number;
  /** Null: there is no more. */
  next(): Job | null;
  onResult(result: Result, job: Job): void;
}

/** Rejects when a thread dies or a job throws: then what runs there is itself broken. */
export async function runJobs<Job, Result>(jobs: Jobs<Job, Result>): Promise<void> {
  const threads = Math.min(jobs.threadsMax, availableParallelism());
  await Promise.all(Array.from({ length: threads }, () => runThread(jobs)));
}

async function runThread<Job, Result>(jobs: Jobs<Job, Result>): Promise<void> {
  const worker = new Worker(jobs.entry);
  try {
    for (let job = jobs.next(); job !== null; job = jobs.next()) {
      jobs.onResult(await ask<Job, Result>(worker, job), job);
    }
  } finally {
    await worker.terminate();
  }
}

function ask<Job, Result>(worker: Worker, job: Job): Promise<Result> {
  return new Promise((resolve, reject) => {
    const settle = (answer: JobAnswer<Result>) => {
      worker.off("error", reject);
      if (answer.ok) resolve(answer.result);
      else reject(new Error(answer.error));
    };
    worker.once("message", settle);
    worker.once("error", reject);
    worker.postMessage(job);
  });
}
