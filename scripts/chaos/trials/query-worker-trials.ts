// Trials for the bugs that are planted in query workers: what a manifest hands over.
import { setTimeout as delay } from "node:timers/promises";
import type { Stage } from "./stage.js";
import type { Trial } from "./trial.js";

const mergedOf = 4;
const mergedWithinMs = 10_000;
const rowsOfSegment = 30;

export const queryWorkerTrials: Readonly<Record<string, Trial>> = {
  "tombstones-not-loaded": { rounds: 2, round: restartAfterDeletes },
  "dead-rows-not-copied": { rounds: 2, round: deleteBeforeMerge },
};

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
