// The cluster profile with real parts: metadata in etcd, objects in S3, hosts as processes.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Cluster, startCluster } from "../../../scripts/cluster/cluster.js";
import { startEtcd } from "../../../scripts/servers/etcd.js";
import { type S3Server, startS3 } from "../../../scripts/servers/s3.js";
import type { ServerProcess } from "../../../scripts/servers/server-process.js";
import type { Collection } from "../../../src/client/collection.js";
import { eventually } from "./cluster.js";

interface Row {
  id: bigint;
  v: Float32Array;
}

let directory: string;
let etcd: ServerProcess;
let s3: S3Server;
let cluster: Cluster;
let docs: Collection<Row>;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "elanus-parts-"));
  etcd = await startEtcd({ directory: join(directory, "etcd") });
  s3 = await startS3({ directory: join(directory, "s3") });
  // Hosts wait for what is not up yet.
  await Promise.all([etcd.kill(), s3.kill()]);
  cluster = await startCluster({
    profile: "embedded",
    directory,
    hosts: [
      { name: "front", roles: ["proxy", "coordinator", "oracle"] },
      { name: "rows-1", roles: ["query", "data", "index"] },
      { name: "rows-2", roles: ["query", "data", "coordinator", "oracle"] },
    ],
    environment: {
      ELANUS_METADATA_URL: etcd.endpoint,
      ELANUS_OBJECTS_URL: `s3://${s3.bucket}/test`,
      ELANUS_S3_ENDPOINT: s3.endpoint,
      AWS_ACCESS_KEY_ID: s3.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: s3.credentials.secretAccessKey,
      ELANUS_SESSION_TTL_MS: "3000",
    },
  });
  await Promise.all([etcd.restart(), s3.restart()]);
  await cluster.untilReady();
  const client = await cluster.connect();
  await client.createCollection({
    name: "docs",
    fields: [
      { name: "id", type: "Int64", primaryKey: true },
      { name: "v", type: "FloatVector", dimension: 2 },
    ],
    metric: "L2",
    replicas: 2,
  });
  docs = client.collection<Row>("docs");
  await cluster.untilReady();
});
afterAll(async () => {
  await cluster?.stop();
  await Promise.all([etcd.stop(), s3.stop()]);
  rmSync(directory, { recursive: true, force: true });
});

const rows = (from: number, count: number): Row[] =>
  Array.from({ length: count }, (_, index) => {
    return { id: BigInt(from + index), v: Float32Array.of(from + index, 1) };
  });

it("inserts, searches, deletes and flushes", async () => {
  await docs.insert(rows(0, 1_000));
  await docs.flush();
  await docs.delete({ ids: [7n] });
  const { results } = await docs.search({ vector: [7, 1], limit: 2 });
  expect(results[0]?.map(({ id }) => id).sort()).toEqual([6n, 8n]);
  expect(await docs.count()).toMatchObject({ count: 999 });
});

it("serves while etcd is away for several sessions, and nobody is taken for dead after", async () => {
  const workers = async () => {
    const { hosts } = await (await cluster.connect()).cluster();
    const actors = hosts.flatMap(({ host, actors }) => actors.map((actor) => ({ host, ...actor })));
    const serving = actors.filter(({ actor, phase }) => /worker/.test(actor) && phase !== "ended");
    return serving.map(({ host, actor, channel }) => `${host} ${actor} ${channel}`).sort();
  };
  const before = await workers();
  await etcd.kill();
  const until = performance.now() + 9_000;
  let inserted = 0;
  while (performance.now() < until) {
    await docs.insert(rows(2_000 + inserted, 10), { timeoutMs: 3_000 });
    inserted += 10;
    expect(await docs.count({ timeoutMs: 3_000 })).toMatchObject({
      count: 999 + inserted,
    });
  }
  const client = await cluster.connect();
  const definition = { name: "later", fields: [{ name: "id", type: "Int64", primaryKey: true }] };
  await expect(
    client.createCollection(definition as never, { timeoutMs: 1_000 }),
  ).rejects.toThrow();
  await etcd.restart();
  await docs.flush();
  const isAsBefore = (now: string[]) => now.join() === before.join();
  await eventually("the workers are where they were", workers, isAsBefore);
});

it("keeps every row over the end of all its processes", async () => {
  const count = await docs.count();
  for (const host of cluster.hosts) await host.kill();
  await Promise.all([etcd.restart(), s3.restart()]);
  for (const host of cluster.hosts) await host.restart();
  await cluster.untilReady();
  expect((await docs.count()).count).toBe(count.count);
});
