// Damage where it can strike: a flipped byte in an index or a segment, an unreadable entry of a log.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Collection } from "../../../src/client/collection.js";
import type { ElanusClient } from "../../../src/client/connect.js";
import { eventually, startCluster, type TestCluster } from "./cluster.js";

let cluster: TestCluster;
let client: ElanusClient;

beforeAll(async () => {
  cluster = await startCluster();
  client = await cluster.client();
  for (const name of ["indexed", "broken", "healthy", "noisy"]) {
    await client.createCollection({
      name,
      fields: [
        { name: "id", type: "Int64", primaryKey: true },
        { name: "v", type: "FloatVector", dimension: 8, metric: "L2" },
      ],
      thresholds: { indexRowsMin: 100 },
    });
    const collection = client.collection<Row>(name);
    await collection.insert(Array.from({ length: rowCount }, (_, n) => rowOf(n)));
    await collection.flush();
  }
});
afterAll(() => cluster.close());

interface Row {
  id: number | bigint;
  v: Float32Array;
}

const rowCount = 300;
const rowOf = (n: number): Row => ({
  id: n,
  v: Float32Array.from({ length: 8 }, (_, d) => Math.sin(n * (d + 1.37) + d)),
});

/** Small, so that the index is used where there is one. */
const ef = 2;

async function expectWhole(collection: Collection<Row>, rows = rowCount) {
  expect((await collection.count()).count).toBe(rows);
  for (const n of [0, 150, 299]) {
    for (const how of [{ exact: true }, { ef }]) {
      const { results } = await collection.search({ vector: rowOf(n).v, limit: 1, ...how });
      expect(results[0]?.[0]?.id).toBe(BigInt(n));
    }
  }
}

async function filesOf(name: string, kind: "indexes" | "segments"): Promise<readonly string[]> {
  const { collectionId, channels } = await client.describeCollection(name);
  const channel = channels[0]?.channel ?? "";
  const folder = join(cluster.dataDir, "objects", collectionId, channel, kind);
  return readdirSync(folder).map((file) => join(folder, file));
}

function flipByte(file: string): void {
  const bytes = readFileSync(file);
  const middle = bytes.length >> 1;
  bytes[middle] = (bytes[middle] ?? 0) ^ 0x10;
  writeFileSync(file, bytes);
}

const untilIndexed = (name: string) =>
  eventually(
    `an index of ${name}`,
    async () => (await client.describeCollection(name)).channels,
    (channels) => channels.every(({ indexedSegments }) => indexedSegments === 1),
  );

async function withHostsAway(damage: () => void): Promise<void> {
  await cluster.stop();
  damage();
  await cluster.start();
}

describe("a flipped byte", () => {
  it("in an index costs speed until it is built again, and no answer", async () => {
    await untilIndexed("indexed");
    const damaged = await filesOf("indexed", "indexes");
    await withHostsAway(() => damaged.forEach(flipByte));
    const indexed = client.collection<Row>("indexed");
    await expectWhole(indexed);
    await eventually(
      "another index file",
      () => filesOf("indexed", "indexes"),
      (files) => files.some((file) => !damaged.includes(file)),
    );
    await untilIndexed("indexed");
    await expectWhole(indexed);
    expect(cluster.log()).toMatch(/index \S+ of \S+ cannot be used/);
  });

  it("in a segment is told with its cause; other collections go on", async () => {
    const [segment = ""] = await filesOf("broken", "segments");
    await withHostsAway(() => flipByte(segment));
    const told = /query-worker \S+: segment \S+ is corrupt/;
    await eventually(
      "the cause in the cluster's overview",
      () => client.cluster(),
      (overview) => overview.causes.some((cause) => told.test(cause)),
    );
    expect((await client.health()).status).toBe("degraded");
    const broken = client.collection<Row>("broken");
    const read = broken.search({ vector: rowOf(1).v, limit: 1, timeoutMs: 2_000 });
    await expect(read).rejects.toMatchObject({ status: 503 });
    await expect(broken.count({ timeoutMs: 2_000 })).rejects.toMatchObject({ status: 503 });
    await expectWhole(client.collection<Row>("healthy"));
    flipByte(segment);
    await eventually(
      "query workers that have read the mended segment",
      async () => (await client.cluster()).causes,
      (left) => !left.some((cause) => cause.includes("query-worker")),
    );
    await expectWhole(broken);
  });
});

describe("an entry of the log that cannot be read", () => {
  it("is set aside with its reason, and the channel goes on, after a restart too", async () => {
    const noisy = client.collection<Row>("noisy");
    const { channels } = await noisy.describe();
    const channel = channels[0]?.channel ?? "";
    const link = await cluster.link();
    const headers = { "Elanus-Kind": "RowsInserted", "Elanus-Version": "1" };
    const body = Buffer.from("no rows at all");
    const sent = await link.request(`wal.${channel}`, body, { headers, timeoutMs: 5_000 });
    expect(sent.kind).toBe("ok");
    await noisy.insert([rowOf(rowCount)]);
    await expectWhole(noisy, rowCount + 1);
    const told = (causes: readonly string[]) =>
      causes.some((cause) => /unreadable entries were set aside.*entry \d+: /.test(cause));
    await eventually("the reason", async () => (await client.cluster()).causes, told);
    await cluster.stop();
    await cluster.start();
    await expectWhole(noisy, rowCount + 1);
    await noisy.flush();
    await expectWhole(noisy, rowCount + 1);
  });
});
