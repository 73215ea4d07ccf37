// The rows of the cluster profile: three nats-servers, etcd, S3 and Redis, of which one is away.
import { setTimeout as delay } from "node:timers/promises";
import { ElanusError } from "../../src/client/elanus-error.js";
import { serverLeading } from "../cluster/stream-leader.js";
import type { ServerProcess } from "../servers/server-process.js";
import { createBulk } from "./bulk.js";
import { collectionName } from "./ledger.js";
import { memoryBounded, watchMemory } from "./memory.js";
import { type Finding, noMoreThan, type Scenario, type Stage } from "./scenario.js";

const hosts = [
  { name: "front", roles: ["proxy", "coordinator", "oracle"] },
  { name: "back", roles: ["data", "index"] },
  { name: "query-1", roles: ["query"] },
  { name: "query-2", roles: ["query"] },
] as const;
const writesAndSearches = ["insert", "search"] as const;
const minuteMs = 60_000;
const budgetBytes = 8 * 1024 * 1024;
/** By then the data worker holds all that it may, and has tried to write it away. */
const heldFromBytes = 5 * budgetBytes;

const natsLeaderKilled: Scenario = {
  row: "nats-leader-killed",
  title: "the leader of three nats-servers",
  profile: "cluster",
  natsServers: 3,
  hosts,
  allowed: { failed: 0, recoveryMs: 10_000 },
  async strike({ cluster, client, struck, repairing }) {
    const { channels } = await client.collection(collectionName).describe();
    const { server } = await serverLeading(cluster, `WAL_${channels[0]?.channel}`);
    struck();
    await server.kill();
    await delay(15_000);
    repairing();
    await server.restart();
    return [];
  },
};

const etcdAway: Scenario = {
  row: "etcd-away",
  title: "etcd, away for 60 s",
  profile: "cluster",
  hosts,
  allowed: { failed: 0, failedOf: writesAndSearches },
  async strike(stage) {
    const etcd = partOf(stage.cluster.etcd);
    stage.struck();
    await etcd.kill();
    const refused = await refusalOf(stage);
    await delay(minuteMs);
    await etcd.restart();
    return [refused];
  },
};

const objectsAway: Scenario = {
  row: "s3-away",
  title: "S3, away for 5 minutes (60 s with --short)",
  profile: "cluster",
  hosts,
  // Small, so that both bounds are reached: that of the memory, then that of a log.
  environment: {
    ELANUS_UNFLUSHED_BYTES_MAX: String(budgetBytes),
    ELANUS_LOG_BYTES_MAX: String(24 * budgetBytes),
  },
  allowed: { failed: 0, failedOf: writesAndSearches },
  async strike(stage) {
    const { client, cluster, isShort, struck } = stage;
    const s3 = partOf(cluster.s3);
    const bulk = await createBulk(client);
    const memory = watchMemory(cluster.host("back"));
    struck();
    await s3.kill();
    const [filled] = await Promise.all([
      bulk.fillLog(heldFromBytes, memory.restart),
      delay(isShort ? minuteMs : 5 * minuteMs),
    ]);
    const grownBytes = memory.stop();
    await s3.restart();
    const askedAtMs = performance.now();
    await client.collection(collectionName).flush({ timeoutMs: minuteMs });
    await bulk.flush(minuteMs);
    return [
      noMoreThan("the backlog is flushed after", performance.now() - askedAtMs, minuteMs),
      ...filled.findings,
      memoryBounded(grownBytes, filled.bytes - heldFromBytes),
      await bulk.complete(filled.rows),
    ];
  },
};

const cacheKilled: Scenario = {
  row: "redis-killed",
  title: "Redis",
  profile: "cluster",
  hosts,
  allowed: { failed: 0 },
  async strike({ cluster, struck }) {
    struck();
    await partOf(cluster.redis).kill();
    await delay(5_000);
    return [];
  },
};

export const clusterRows: readonly Scenario[] = [
  natsLeaderKilled,
  etcdAway,
  objectsAway,
  cacheKilled,
];

function partOf(server: ServerProcess | null): ServerProcess {
  if (server === null) throw new Error("the embedded profile has no such part");
  return server;
}

/** A collection cannot be made now, and whoever asks is told so, and that it may pass. */
async function refusalOf({ client }: Stage): Promise<Finding> {
  const fields = [
    { name: "id", type: "Int64", primaryKey: true },
    { name: "v", type: "FloatVector", dimension: 2 },
  ] as const;
  const answer = await client
    .createCollection({ name: "refused", fields }, { timeoutMs: 10_000 })
    .then(
      () => "created",
      (error: unknown) => error,
    );
  const isTyped = answer instanceof ElanusError && answer.retryable;
  const value = answer instanceof ElanusError ? answer.code : String(answer);
  return { what: "a new collection meanwhile", value, allowed: "a retryable error", met: isTyped };
}
