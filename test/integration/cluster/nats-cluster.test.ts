// Three NATS servers and streams of three replicas: the end of a stream's leader loses nothing.
import { afterAll, beforeAll, expect, it } from "vitest";
import { serverLeading } from "../../../scripts/cluster/stream-leader.js";
import { ElanusError } from "../../../src/client/elanus-error.js";
import { type OwnCluster, startOwnCluster } from "./own-cluster.js";

let cluster: OwnCluster;
beforeAll(async () => {
  cluster = await startOwnCluster({
    profile: "cluster",
    natsServers: 3,
    hosts: [
      { name: "front", roles: ["proxy", "coordinator", "oracle"] },
      { name: "rows", roles: ["query", "data"] },
    ],
  });
});
afterAll(() => cluster?.stop());

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
  const { channels } = await docs.describe();
  const { server, replicas } = await serverLeading(cluster, `WAL_${channels[0]?.channel}`);
  expect(replicas).toBe(3);
  await server.kill();
  expect(server.pid).toBeUndefined();
  const killedAtMs = performance.now();
  let id = 100n;
  while (!(await write(id++))) expect(performance.now() - killedAtMs).toBeLessThan(60_000);
  for (const last = id + 100n; id < last; ) await write(id++);
  await server.restart();
  const { rows } = await docs.query({ filter: "id >= 0", limit: 1_000, timeoutMs: 30_000 });
  expect(rows.map((row) => row.id)).toEqual(expect.arrayContaining(acknowledged));
});
