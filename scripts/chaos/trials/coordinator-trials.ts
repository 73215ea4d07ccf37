// A trial for the bug that is planted in coordinators: a command that comes twice.
import { setTimeout as delay } from "node:timers/promises";
import { createCollection } from "../load.js";
import type { Stage } from "./stage.js";
import { collectionsDefault, type Trial } from "./trial.js";

const executedMs = 1_500;

export const coordinatorTrials: Readonly<Record<string, Trial>> = {
  "drop-by-name": { rounds: 1, round: dropTwice },
};

/** A queue may deliver a command again, and by then the name is another collection's. */
async function dropTwice(stage: Stage): Promise<void> {
  const repeat = stage.tap("command.coordinator");
  await stage.client.dropCollection("keyed", { timeoutMs: 60_000 });
  await createCollection(stage.client, "keyed", collectionsDefault);
  await stage.upsert(stage.newKeys(20));
  repeat();
  await delay(executedMs);
  await stage.audit();
}
