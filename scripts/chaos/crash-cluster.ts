// A small cluster whose hosts die where they are told, under a load that comes to every point.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { ElanusClient } from "../../src/client/connect.js";
import { ElanusError } from "../../src/client/elanus-error.js";
import { type Cluster, startCluster } from "../cluster/cluster.js";
import type { HostPlan } from "../cluster/host-process.js";
import { typedClient } from "./chaos-client.js";
import { crashFileVariable } from "./crash-arm.js";
import { auditAll } from "./final-audit.js";
import { createCollections, startLoad } from "./load.js";
import { Prober } from "./prober.js";
import { RunState } from "./run-state.js";

export interface CrashCluster {
  readonly cluster: Cluster;
  readonly directory: string;
  readonly state: RunState;
  /** Resolves when a write and strong reads, begun now, were answered. */
  probe(): Promise<void>;
  /** Ends the load and reads everything. */
  endLoad(): Promise<void>;
  stop(): Promise<void>;
}

const hostScript = fileURLToPath(new URL("./altered-host.js", import.meta.url));
const deletesOfTen = 4;
const timeoutMs = 60_000;
const passingEveryMs = 300;
const passingRows = 30;

export async function startCrashCluster(seed: number): Promise<CrashCluster> {
  const directory = mkdtempSync(join(tmpdir(), "elanus-crashes-"));
  const planOf = (name: string, roles: HostPlan["roles"]): HostPlan => ({
    ...{ name, roles },
    environment: { [crashFileVariable]: join(directory, `${name}.crash`) },
  });
  const cluster = await startCluster({
    ...{ profile: "embedded", directory, hostScript },
    hosts: [
      planOf("front", ["proxy", "coordinator", "oracle"]),
      planOf("back", ["query", "data", "index"]),
      { name: "replica", roles: ["query"] },
    ],
    environment: { ELANUS_SESSION_TTL_MS: "1500" },
  });
  const state = new RunState();
  const connect = () => cluster.connect({ timeoutMs });
  const client = await connect();
  await createCollections(client);
  await cluster.untilReady();
  const load = await startLoad(state, cluster.natsUrl, connect, { seed, deletesOfTen });
  const prober = new Prober(state, load.spare);
  const passing = collectionsInPassing(client, state);
  return {
    ...{ cluster, directory, state },
    probe: () => prober.probe(),
    async endLoad() {
      state.isOver = true;
      await Promise.all([load.running, passing]);
      await auditAll(state, typedClient(client));
    },
    async stop() {
      state.isOver = true;
      await cluster.stop();
      if (state.findings.total === 0) rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Collections that are made, altered, filled and dropped; none of it may break the others. */
async function collectionsInPassing(client: ElanusClient, state: RunState): Promise<void> {
  for (let number = 0; !state.isOver; number += 1) {
    try {
      await passingOne(client, `passing_${number}`);
    } catch (error) {
      if (!(error instanceof ElanusError)) throw error;
      state.failedRequests.set(error.code, (state.failedRequests.get(error.code) ?? 0) + 1);
    }
    await delay(passingEveryMs);
  }
}

async function passingOne(client: ElanusClient, name: string): Promise<void> {
  const options = { timeoutMs: 10_000 };
  await client.createCollection(
    {
      name,
      fields: [
        { name: "id", type: "Int64", primaryKey: true },
        { name: "v", type: "FloatVector", dimension: 2, metric: "L2" },
      ],
      ...{ shards: 1, replicas: 1, asOfWindow: 0 },
      thresholds: { sealRows: 10, sealAgeMs: 300, indexRowsMin: 5 },
    },
    options,
  );
  const rows = client.collection(name);
  const vectors = Array.from({ length: passingRows }, (_, id) => ({ id, v: [id, id] }));
  await rows.insert(vectors, options);
  await rows.delete({ ids: [1, 2, 3] }, options);
  await rows.flush(options);
  await client.alterCollection(name, { asOfWindow: 1_000 }, options);
  await delay(1_000);
  await client.dropCollection(name, options);
}
