// Trials for the bugs that are planted in data workers: what they commit, purge and delete.
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { repeatLate } from "./proxy-trials.js";
import { deleteAndMerge } from "./query-worker-trials.js";
import type { Stage } from "./stage.js";
import { collectionsDefault, type Trial } from "./trial.js";

const awayMs = 1_000;
const collectedMs = 3_500;
const purgedMs = 500;

export const dataWorkerTrials: Readonly<Record<string, Trial>> = {
  "tombstones-dropped": {
    collections: { ...collectionsDefault, asOfWindow: 1_000 },
    rounds: 4,
    round: restartAfterMerge,
  },
  "checkpoint-at-read-position": {
    collections: {
      ...collectionsDefault,
      thresholds: { ...collectionsDefault.thresholds, sealRows: 100 },
    },
    rounds: 4,
    round: restartWhileGrowing,
  },
  "root-before-objects": { rounds: 2, round: flushWhileObjectsAreAway },
  "collect-without-grace": {
    hosts: [
      { name: "front", roles: ["proxy", "coordinator", "oracle"] },
      { name: "back", roles: ["query", "data"] },
      { name: "index", roles: ["index"] },
    ],
    proxied: "index",
    rounds: 2,
    round: mergeWhileCut,
  },
  "purge-at-head": {
    rounds: 2,
    round: (stage) => repeatLate(stage, () => purgeAndRestartNats(stage)),
  },
};

async function restartAfterMerge(stage: Stage): Promise<void> {
  await deleteAndMerge(stage);
  await stage.flush();
  await stage.restart("query");
  await stage.audit();
}

/** The last rows are in no segment yet: only the log has them. */
async function restartWhileGrowing(stage: Stage): Promise<void> {
  for (let batch = 0; batch < 9; batch += 1) await stage.upsert(stage.newKeys(45));
  await stage.flush();
  await Promise.all(Array.from({ length: 45 }, () => stage.upsert(stage.newKeys(9))));
  await delay(awayMs);
  await stage.restart("query", "data");
  await stage.audit();
}

/** A file where the folder of objects was: nothing can be written for a while. */
async function flushWhileObjectsAreAway(stage: Stage): Promise<void> {
  const objects = join(stage.directory, "data", "objects");
  const away = `${objects}-away`;
  await stage.upsert(stage.newKeys(50));
  await stage.flush();
  await stage.upsert(stage.newKeys(50));
  renameSync(objects, away);
  writeFileSync(objects, "");
  const flushing = stage.flush();
  await delay(awayMs);
  rmSync(objects);
  renameSync(away, objects);
  await flushing;
  await stage.restart("query", "data");
  await stage.audit();
}

/** The output of a merge is written, and the announcement of it comes seconds later. */
async function mergeWhileCut(stage: Stage): Promise<void> {
  await deleteAndMerge(stage, {
    before: async () => stage.cut(),
    async after() {
      await delay(collectedMs);
      stage.heal();
    },
  });
  await stage.restart("back");
  await stage.audit();
}

/** A restarted server knows the ids of those requests only whose entries it still has. */
async function purgeAndRestartNats(stage: Stage): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) {
    await stage.upsert(stage.newKeys(3));
    await stage.flush();
  }
  await delay(purgedMs);
  await Promise.all(stage.cluster.nats.map((server) => server.restart()));
}
