// Trials for the bugs that are planted in query workers: barriers, and what a manifest hands over.
import { setTimeout as delay } from "node:timers/promises";
import type { Stage } from "./stage.js";
import type { Trial } from "./trial.js";

const mergedOf = 4;
const mergedWithinMs = 10_000;
const rowsOfSegment = 30;
const lanes = 8;
const latencyMs = 30;
const entriesOfPull = 512;

export const queryWorkerTrials: Readonly<Record<string, Trial>> = {
  "join-barrier-in-flight": { proxied: "query", rounds: 6, round: readWhileBarrierFlies },
  "tombstones-not-loaded": { rounds: 2, round: restartAfterDeletes },
  "dead-rows-not-copied": { rounds: 2, round: deleteBeforeMerge },
};

/**
 * Far from the log a barrier is under way for long, and entries stop coming whenever as many were
 * read as had been asked for, but reads come: what was written since the barrier was sent is missing.
 */
async function readWhileBarrierFlies(stage: Stage): Promise<void> {
  stage.slow(latencyMs);
  let isWritten = false;
  const writing = Array.from({ length: lanes }, async () => {
    for (let count = 0; count < entriesOfPull / lanes; count += 1) {
      await stage.upsert(stage.newKeys(1));
    }
  });
  const reading = Array.from({ length: lanes }, async () => {
    while (!isWritten && stage.state.findings.total === 0) {
      const keys = stage.newKeys(1);
      await stage.upsert(keys);
      await stage.readStrong(keys);
    }
  });
  await Promise.all(writing);
  isWritten = true;
  await Promise.all(reading);
  stage.heal();
}

/** The deletes are behind the rows' segment and before the place where a restart reads on. */
async function restartAfterDeletes(stage: Stage): Promise<void> {
  const keys = stage.newKeys(rowsOfSegment);
  await stage.upsert(keys);
  await stage.flush();
  await stage.delete(keys.slice(0, rowsOfSegment / 2));
  await stage.flush();
  await stage.restart("query");
  await stage.audit();
}

/** Rows that died within the window of past times are in the output of a merge, and are dead. */
async function deleteBeforeMerge(stage: Stage): Promise<void> {
  await deleteAndMerge(stage);
  await stage.audit();
}

/** Makes as many segments as are merged, and waits until they are. */
export async function deleteAndMerge(stage: Stage, around: AroundLast = {}): Promise<void> {
  const before = await stage.segments();
  for (let segment = 1; segment <= mergedOf; segment += 1) {
    const keys = stage.newKeys(rowsOfSegment);
    await stage.upsert(keys);
    await stage.delete(keys.slice(0, rowsOfSegment / 3));
    if (segment === mergedOf) await around.before?.();
    await stage.flush();
  }
  await around.after?.();
  const until = performance.now() + mergedWithinMs;
  while ((await stage.segments()) >= before + mergedOf && performance.now() < until) {
    await delay(100);
  }
}

/** The last flush, with which the merge begins. */
export interface AroundLast {
  before?(): Promise<void>;
  after?(): Promise<void>;
}
