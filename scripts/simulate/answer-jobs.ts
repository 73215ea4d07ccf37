// The thread's end of `runJobs`: answers each job that is handed to it.
import { parentPort } from "node:worker_threads";
import type { JobAnswer } from "./run-jobs.js";

/** `nameOf`: which job it was, for the message when it throws. */
export function answerJobs<Job, Result>(
  run: (job: Job) => Promise<Result>,
  nameOf: (job: Job) => string,
): void {
  const port = parentPort;
  if (port === null) throw new Error("this file is the entry of a worker thread");
  const answer = (given: JobAnswer<Result>) => port.postMessage(given);
  port.on("message", (job: Job) => {
    void run(job).then(
      (result) => answer({ ok: true, result }),
      (error: unknown) => {
        const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
        answer({ ok: false, error: `${nameOf(job)}: ${text}` });
      },
    );
  });
}
