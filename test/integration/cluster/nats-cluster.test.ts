// Three NATS servers and streams of three replicas: the end of a stream's leader loses nothing.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "nats";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Cluster, startCluster } from "../../../scripts/cluster/cluster.js";
import { ElanusError } from "../../../src/client/elanus-error.js";

let directory: string;
let cluster: Cluster;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "elanus-replicated-"));
  cluster = await startCluster({
    profile: "cluster",
    natsServers: 3,
    directory,
    hosts: [
      { name: "front", roles: ["proxy", "coordinator", "oracle"] },
      { name: "rows", roles: ["query", "data"] },
    ],
  });
  await cluster.untilReady();
});
afterAll(async () => {
  await cluster?.stop();
  rmSync(directory, { recursive: true, force: true });
});

/** The server that leads the only log there is. */
async function leaderOfLog(): Promise<string | undefined> {
  const connection = await connect({ servers: cluster.natsUrl.split(",") });
  try {
    const manager = await connection.jetstreamManager();
    for await (const { config, cluster: servers } of manager.streams.list()) {
      if (!config.name.startsWith("WAL_")) continue;
      expect(config.num_replicas).toBe(3);
      return servers?.leader;
    }
    throw new Error("there is no log");
  } finally {
    await connection.close();
  }
}

it("takes writes again soon, and has every acknowledged row", async () => {
  const client = await cluster.connect();
  await client.createCollection({
    name: "docs",
    fields: [
      { name: "id", type: "Int64", primaryKey: true },
      { name: "v", type: "FloatVector", dimension: 2 },
    ],
  });
  const docs = client.collection<{ id: bigint; v: Float32Array }>("docs");
  const acknowledged: bigint[] = [];
  const write = async (id: bigint) => {
    try {
      await docs.insert([{ id, v: Float32Array.of(1, 2) }], { timeoutMs: 5_000 });
      acknowledged.push(id);
      return true;
    } catch (error) {
      if (!(error instanceof ElanusError)) throw error;
      return false;
    }
  };
  for (let id = 0n; id < 100n; id++) expect(await write(id)).toBe(true);
  const leader = await leaderOfLog();
  const server = cluster.nats.find(({ name }) => leader?.startsWith(`${name}-`));
  await server?.kill();
  expect(server?.pid).toBeUndefined();
  const killedAtMs = performance.now();
  let id = 100n;
  while (!(await write(id++))) expect(performance.now() - killedAtMs).toBeLessThan(60_000);
  for (const last = id + 100n; id < last; ) await write(id++);
  await server?.restart();
  const { rows } = await docs.query({ filter: "id >= 0", limit: 1_000, timeoutMs: 30_000 });
  expect(rows.map((row) => row.id)).toEqual(expect.arrayContaining(acknowledged));
});
