// The cluster profile with real parts: metadata in etcd, objects in S3, search results in Redis.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { Etcd3 } from "etcd3";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { ServerProcess } from "../../../scripts/servers/server-process.js";
import type { Collection } from "../../../src/client/collection.js";
import { eventually } from "./cluster.js";
import { type OwnCluster, startOwnCluster } from "./own-cluster.js";

interface Row {
  id: bigint;
  v: Float32Array;
}

let cluster: OwnCluster;
let docs: Collection<Row>;

beforeAll(async () => {
  cluster = await startOwnCluster({
    profile: "cluster",
    hosts: [
      { name: "front", roles: ["proxy", "coordinator", "oracle"] },
      { name: "rows-1", roles: ["query", "data", "index"] },
      { name: "rows-2", roles: ["query", "data", "coordinator", "oracle"] },
    ],
    environment: { ELANUS_SESSION_TTL_MS: "3000" },
  });
  const client = await cluster.connect();
  await client.createCollection({
    name: "docs",
    fields: [
      { name: "id", type: "Int64", primaryKey: true },
      { name: "v", type: "FloatVector", dimension: 2 },
    ],
    metric: "L2",
    replicas: 2,
    thresholds: { indexRowsMin: 500 },
  });
  docs = client.collection<Row>("docs");
  await cluster.untilReady();
});
afterAll(() => cluster?.stop());

const rows = (from: number, count: number): Row[] =>
  Array.from({ length: count }, (_, index) => {
    return { id: BigInt(from + index), v: Float32Array.of(from + index, 1) };
  });

function part(server: ServerProcess | null): ServerProcess {
  if (server === null) throw new Error("the cluster profile has every part");
  return server;
}

async function withRedis<Value>(use: (redis: Redis) => Promise<Value>): Promise<Value> {
  const redis = new Redis(part(cluster.redis).endpoint);
  try {
    return await use(redis);
  } finally {
    redis.disconnect();
  }
}

async function storedRecords(): Promise<Record<string, string>> {
  const etcd = new Etcd3({ hosts: part(cluster.etcd).endpoint });
  try {
    return await etcd.getAll().prefix("elanus/default/").strings();
  } finally {
    etcd.close();
  }
}

/** A channel that is given to another, or taken again by the same host, has a new epoch. */
async function epochsOfRoots(): Promise<Record<string, number>> {
  const roots = Object.entries(await storedRecords()).filter(([key]) => key.includes("/roots."));
  return Object.fromEntries(roots.map(([key, value]) => [key, JSON.parse(value).epoch]));
}

const cachedKeys = () => withRedis((redis) => redis.keys("elanus:*:search:*"));
const cacheHits = () =>
  withRedis(async (redis) => Number(/keyspace_hits:(\d+)/.exec(await redis.info("stats"))?.[1]));

/** Of the index, of the exact scan, and with a filter: what the rows' places alone decide. */
async function answers() {
  const searches = [3, 500.4, 77.6].flatMap((x) => [
    { vector: [x, 1], limit: 5 },
    { vector: [x, 1], limit: 5, exact: true, outputFields: ["v"] },
    { vector: [x, 1], limit: 5, filter: "id >= 10" },
  ]);
  const found = searches.map(async (search) => (await docs.search(search)).results);
  return Promise.all(found);
}

it("inserts, searches, deletes and flushes", async () => {
  await docs.insert(rows(0, 1_000));
  await docs.flush();
  await docs.delete({ ids: [7n] });
  const { results } = await docs.search({ vector: [7, 1], limit: 2 });
  expect(results[0]?.map(({ id }) => id).sort()).toEqual([6n, 8n]);
  expect(await docs.count()).toMatchObject({ count: 999 });
});

it("keeps each kind of thing where it is told to", async () => {
  const records = Object.keys(await storedRecords());
  for (const kind of ["collections", "roots", "sessions", "leaders", "assignments"]) {
    const start = `elanus/default/${kind}.`;
    expect(records.filter((key) => key.startsWith(start))).not.toEqual([]);
  }
  const stored = readdirSync(join(cluster.directory, "s3"), { recursive: true }).map(String);
  for (const kind of ["segments", "manifests"]) {
    expect(
      stored.filter((path) => path.includes(`elanus/elanus/`) && path.includes(kind)),
    ).not.toEqual([]);
  }
  expect(readdirSync(join(cluster.directory, "data"))).not.toContain("objects");
  await eventually("a kept answer", cachedKeys, (keys) => keys.length > 0);
});

it("answers the same with the cache alive, emptied, poisoned and dead", async () => {
  const isIndexed = ({ channels }: Awaited<ReturnType<typeof docs.describe>>) =>
    channels.every(({ segments, indexedSegments }) => segments > 0 && indexedSegments === segments);
  await eventually("an index", () => docs.describe(), isIndexed);
  // Both replicas have it by now; what the cache holds is then of this very state.
  await docs.insert(rows(1_000, 1));
  const first = await answers();
  const hitsAtFirst = await cacheHits();
  expect(await answers()).toEqual(first);
  await eventually(
    "an answer out of the cache",
    async () => {
      expect(await answers()).toEqual(first);
      return cacheHits();
    },
    (hits) => hits > hitsAtFirst,
  );

  await withRedis((redis) => redis.flushall());
  expect(await answers()).toEqual(first);
  await eventually("kept answers", cachedKeys, (keys) => keys.length >= 2);
  expect(await withRedis(poison)).toBeGreaterThanOrEqual(2);
  expect(await answers()).toEqual(first);

  const redis = part(cluster.redis);
  redis.freeze();
  expect(await answers()).toEqual(first);
  redis.thaw();
  await redis.kill();
  expect(await answers()).toEqual(first);
  await redis.restart();
  expect(await answers()).toEqual(first);
});

/** Gives every key another's value, whole and rightly sealed; one of them gets garbage. */
async function poison(redis: Redis): Promise<number> {
  const keys = await redis.keys("elanus:*:search:*");
  const values = await redis.mgetBuffer(keys);
  for (const [at, key] of keys.entries()) {
    const other = values[(at + 1) % values.length];
    await redis.set(key, at === 0 || !other ? Buffer.alloc(64, 7) : other);
  }
  return keys.length;
}

it("serves while etcd is away for several sessions, and nobody is taken for dead after", async () => {
  const etcd = part(cluster.etcd);
  const workers = async () => {
    const { hosts } = await (await cluster.connect()).cluster();
    const actors = hosts.flatMap(({ host, actors }) => actors.map((actor) => ({ host, ...actor })));
    const serving = actors.filter(({ actor, phase }) => /worker/.test(actor) && phase !== "ended");
    return serving.map(({ host, actor, channel }) => `${host} ${actor} ${channel}`).sort();
  };
  const before = await workers();
  const epochs = await epochsOfRoots();
  expect(Object.values(epochs)).toEqual([expect.any(Number)]);
  const { count } = await docs.count();
  await etcd.kill();
  const until = performance.now() + 9_000;
  let inserted = 0;
  while (performance.now() < until) {
    await docs.insert(rows(2_000 + inserted, 10), { timeoutMs: 3_000 });
    inserted += 10;
    expect(await docs.count({ timeoutMs: 3_000 })).toMatchObject({ count: count + inserted });
  }
  const client = await cluster.connect();
  const fields = [
    { name: "id", type: "Int64", primaryKey: true },
    { name: "v", type: "FloatVector", dimension: 2 },
  ] as const;
  await expect(
    client.createCollection({ name: "later", fields }, { timeoutMs: 1_000 }),
  ).rejects.toMatchObject({ retryable: true });
  await etcd.restart();
  await docs.flush();
  const isAsBefore = (now: string[]) => now.join() === before.join();
  await eventually("the workers are where they were", workers, isAsBefore);
  expect(await epochsOfRoots()).toEqual(epochs);
});

it("answers the same after the end of all its processes, whatever starts first", async () => {
  const before = await answers();
  const count = await docs.count();
  for (const host of cluster.hosts) await host.kill();
  const parts = [cluster.etcd, cluster.s3, cluster.redis].map(part);
  for (const server of parts) await server.kill();
  for (const host of cluster.hosts) await host.restart();
  for (const server of parts) await server.restart();
  await cluster.untilReady();
  expect((await docs.count()).count).toBe(count.count);
  expect(await answers()).toEqual(before);
});
