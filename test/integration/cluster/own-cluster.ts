// A cluster of controlled processes for one test file, in a folder that goes with it.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Cluster, type ClusterPlan, startCluster } from "../../../scripts/cluster/cluster.js";

export interface OwnCluster extends Cluster {
  readonly directory: string;
}

/** Resolves when it serves. Its `stop` removes the folder as well. */
export async function startOwnCluster(plan: Omit<ClusterPlan, "directory">): Promise<OwnCluster> {
  const directory = mkdtempSync(join(tmpdir(), "elanus-own-"));
  const cluster = await startCluster({ ...plan, directory });
  const stop = async () => {
    await cluster.stop();
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    await cluster.untilReady();
  } catch (error) {
    await stop();
    throw error;
  }
  return { ...cluster, directory, stop };
}
