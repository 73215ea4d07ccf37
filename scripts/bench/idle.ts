// What a cluster with a hundred collections costs while nobody asks anything of it.
import { setTimeout as delay } from "node:timers/promises";
import { removeCluster, startBenchCluster } from "./cluster.js";
import { batchOf, createFor } from "./collection.js";
import { readDataSet, readyDataSet } from "./data-sets.js";
import { figure } from "./figures.js";
import { type GroupResult, type Run, say } from "./run.js";
import { processorSeconds } from "./usage.js";

const collections = 100;
const settleMs = 15_000;
const rounds = 3;

export async function idleGroup(run: Run): Promise<GroupResult> {
  await readyDataSet("glove-100");
  const set = readDataSet("glove-100", 1_000);
  const cluster = await startBenchCluster("idle");
  try {
    const client = await cluster.connect();
    for (let place = 0; place < collections; place += 1) {
      const rows = await createFor(client, set, { name: `rows_${place}` });
      await rows.insert(batchOf(set, 0, 100));
    }
    await client.close();
    await cluster.untilReady();
    await delay(settleMs);
    const shares: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const share = await shareOver(cluster.pids, run.quick ? 5_000 : 30_000);
      if (share === null) {
        say("the processor's time is not known on this system: left out");
        return { figures: [] };
      }
      shares.push(share * 100);
    }
    const what = `${collections} idle collections: the processor of the whole cluster`;
    const target = ["<=", 3] as const;
    return {
      figures: [
        figure({ id: "idle.processor", what, values: shares, unit: "% of a core", target }),
      ],
    };
  } finally {
    await cluster.stop();
    removeCluster("idle");
  }
}

async function shareOver(pids: readonly number[], forMs: number): Promise<number | null> {
  const before = processorSeconds(pids);
  const startedAtMs = performance.now();
  await delay(forMs);
  const after = processorSeconds(pids);
  if (before === null || after === null) return null;
  return ((after - before) * 1_000) / (performance.now() - startedAtMs);
}
