// Processes that die by SIGKILL under load: what was acknowledged is there, once, and reads go on.
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ElanusClient } from "../../../src/client/connect.js";
import { eventually, isAlive, startCluster, type TestCluster } from "./cluster.js";

let cluster: TestCluster;
let client: ElanusClient;

beforeAll(async () => {
  // Others take a dead host's channels over after this time.
  cluster = await startCluster({ ELANUS_SESSION_TTL_MS: "4000" });
  client = await cluster.client({ timeoutMs: 60_000 });
  await client.createCollection({
    name: "docs",
    fields: [
      // The log gives the keys, so a row that was written twice would be there twice.
      { name: "id", type: "Int64", primaryKey: true, autoId: true },
      { name: "n", type: "Int32" },
      { name: "v", type: "FloatVector", dimension: 8, metric: "L2" },
    ],
    shards: 2,
    replicas: 2,
    thresholds: { sealRows: 300, indexRowsMin: 200, sealAgeMs: 2_000 },
  });
});
afterAll(() => cluster.close());

interface Row {
  id: bigint;
  n: number;
  v: Float32Array;
}

const vectorOf = (n: number) =>
  Float32Array.from({ length: 8 }, (_, d) => Math.sin(n * (d + 1.37) + d));
const batchRows = 5;

/** What the writers know: `n` by key, of all batches that were acknowledged. */
const acknowledged = new Map<bigint, number>();
let latest: readonly [key: bigint, n: number] | undefined;
let nextN = 0;
let searches = 0;

async function write() {
  const docs = client.collection<Row>("docs");
  const numbers = Array.from({ length: batchRows }, () => nextN++);
  // Without keys, which are not the writer's to choose.
  const rows = numbers.map((n) => ({ n, v: vectorOf(n) })) as unknown as Row[];
  const { ids } = await docs.insert(rows);
  numbers.forEach((n, at) => {
    latest = [ids[at] as bigint, n];
    acknowledged.set(...latest);
  });
}

async function search() {
  if (latest === undefined) return;
  const [key, n] = latest;
  const request = { vector: vectorOf(n), limit: 1, consistency: "strong", exact: true } as const;
  const { results } = await client.collection("docs").search(request);
  expect(results[0]?.[0]?.id).toBe(key);
  searches += 1;
}

/** Writes and searches all the while; an error that the client's retries do not mend is thrown. */
async function underLoad(strike: () => Promise<void>) {
  let isOver = false;
  const repeat = async (action: () => Promise<void>) => {
    while (!isOver) {
      await action();
      await delay(20);
    }
  };
  const striking = strike().finally(() => {
    isOver = true;
  });
  try {
    await Promise.all([repeat(write), repeat(write), repeat(search), striking]);
  } finally {
    isOver = true;
  }
}

async function expectAcknowledged() {
  const docs = client.collection<Row>("docs");
  const found: [bigint, number][] = [];
  let last = -(2n ** 63n);
  for (;;) {
    const filter = `id > ${last}`;
    const { rows } = await docs.query({ filter, limit: 10_000, outputFields: ["n"] });
    found.push(...rows.map((row): [bigint, number] => [row.id as bigint, row.n as number]));
    if (rows.length < 10_000) break;
    last = found.at(-1)?.[0] ?? last;
  }
  expect(new Map(found)).toEqual(acknowledged);
  expect(new Set(found.map(([, n]) => n)).size).toBe(found.length);
  expect((await docs.count()).count).toBe(acknowledged.size);
}

async function goesOn(when: string) {
  const from = { rows: acknowledged.size, searches };
  const now = async () => ({ rows: acknowledged.size, searches });
  const isFurther = (at: typeof from) =>
    at.rows >= from.rows + 100 && at.searches >= from.searches + 10;
  await eventually(`100 rows and 10 searches more ${when}`, now, isFurther, 60_000);
}

/** Both query hosts that are alive serve both shards. */
async function untilWhole() {
  const serving = async () => {
    const alive = (await client.cluster()).hosts.filter(({ pid }) => isAlive(pid));
    const actors = alive.flatMap((host) => host.actors);
    return actors.filter(({ actor, phase }) => actor === "query-worker" && phase === "serving")
      .length;
  };
  await eventually("four serving query workers", serving, (count) => count === 4, 60_000);
}

describe("kill -9", () => {
  it.each(["proxy", "query", "query"])("of a host with the role %s", async (role) => {
    await untilWhole();
    await underLoad(async () => {
      await goesOn("before the kill");
      const hosts = await cluster.hosts();
      const oldest = [...hosts].sort((a, b) => a.startedAt.localeCompare(b.startedAt));
      const victim = oldest.find(({ roles }) => roles.some((own) => own === role));
      process.kill(victim?.pid ?? Number.NaN, "SIGKILL");
      await goesOn("after the kill");
      await untilWhole();
    });
    await expectAcknowledged();
  });

  it("of the nats-server, twice", async () => {
    await underLoad(async () => {
      for (let round = 0; round < 2; round++) {
        const killed = cluster.natsPid();
        await goesOn("before the kill");
        process.kill(killed, "SIGKILL");
        await eventually(
          "another server",
          async () => cluster.natsPid(),
          (pid) => pid !== killed,
        );
        await goesOn("after the kill");
      }
    });
    await expectAcknowledged();
  });

  it("of everything at once", async () => {
    await underLoad(async () => {
      await goesOn("before the kill");
      const hosts = await cluster.hosts();
      for (const pid of [cluster.natsPid(), ...hosts.map((host) => host.pid)]) {
        process.kill(pid, "SIGKILL");
      }
      await goesOn("after the kill");
    });
    await expectAcknowledged();
  });
});
