// The whole life of rows: written, replaced, deleted, sealed, indexed, merged, read as of before.
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Collection } from "../../../src/client/collection.js";
import type { ElanusClient } from "../../../src/client/connect.js";
import type { AlterableSettings, ChannelDescription } from "../../../src/client/types.js";
import { eventually, startCluster, type TestCluster } from "./cluster.js";

let cluster: TestCluster;
let client: ElanusClient;

beforeAll(async () => {
  cluster = await startCluster();
  client = await cluster.client();
});
afterAll(() => cluster.close());

interface Row {
  id: bigint;
  version: number;
  v: Float32Array;
}

/** Each row is the nearest one to its own vector. */
function rowOf(id: number, version = 0): Row {
  const v = Float32Array.from({ length: 8 }, (_, d) => Math.sin(id * 13 + version * 5 + d * d));
  return { id: BigInt(id), version, v };
}

const rowsOf = (from: number, count: number, version = 0) =>
  Array.from({ length: count }, (_, n) => rowOf(from + n, version));

async function create(name: string, settings: AlterableSettings & { shards?: number } = {}) {
  await client.createCollection({
    name,
    fields: [
      { name: "id", type: "Int64", primaryKey: true },
      { name: "version", type: "Int32" },
      { name: "v", type: "FloatVector", dimension: 8, metric: "L2" },
    ],
    ...settings,
  });
  return client.collection<Row>(name);
}

type Model = ReadonlyMap<bigint, number>;

function modelOf(rows: readonly Row[]): Model {
  return new Map(rows.map(({ id, version }) => [id, version]));
}

/** Scan, count and search must all show exactly these rows. */
async function expectRows(collection: Collection<Row>, model: Model, asOf?: string | number) {
  const view = asOf === undefined ? {} : { asOf };
  const { rows } = await collection.query({ limit: 16_384, outputFields: ["version"], ...view });
  expect(new Map(rows.map((row) => [row.id, row.version]))).toEqual(model);
  expect(rows).toHaveLength(model.size);
  expect((await collection.count(view)).count).toBe(model.size);
  expect((await collection.count({ filter: "version >= 0", ...view })).count).toBe(model.size);
  const ids = [...model.keys()];
  for (const id of [ids[0], ids[ids.length >> 1], ids.at(-1)]) {
    if (id === undefined) continue;
    const { v } = rowOf(Number(id), model.get(id));
    const { results } = await collection.search({ vector: v, limit: 1, ...view });
    expect(results[0]?.[0]).toMatchObject({ id });
    expect(results[0]?.[0]?.score).toBeCloseTo(0, 4);
  }
}

async function channelsOf(collection: Collection<Row>): Promise<readonly ChannelDescription[]> {
  return (await collection.describe()).channels;
}

const total = (channels: readonly ChannelDescription[], field: keyof ChannelDescription) =>
  channels.reduce((sum, channel) => sum + Number(channel[field]), 0);

describe("writes", () => {
  it("replace and delete by key, last one wins, over several shards and segments", async () => {
    const docs = await create("docs", { shards: 3 });
    const model = new Map(modelOf(rowsOf(0, 300)));
    await docs.insert(rowsOf(0, 300));
    await expectRows(docs, model);
    const put = (rows: readonly Row[]) => {
      for (const { id, version } of rows) model.set(id, version);
      return rows;
    };
    await docs.flush();
    await docs.upsert(put(rowsOf(100, 50, 1)));
    await docs.insert(put(rowsOf(140, 30, 2)));
    await expectRows(docs, model);
    const ids = rowsOf(0, 40).map(({ id }) => id);
    expect((await docs.delete({ ids: [...ids, 99_999n] })).count).toBe(41);
    for (const id of ids) model.delete(id);
    await expectRows(docs, model);
    await docs.flush();
    const removed = await docs.delete({ filter: "version == 2 or id < 60" });
    const gone = [...model].filter(([id, version]) => version === 2 || id < 60n);
    expect(removed.count).toBe(gone.length);
    for (const [id] of gone) model.delete(id);
    await expectRows(docs, model);
    await docs.insert(put(rowsOf(0, 10, 3)));
    await docs.flush();
    await expectRows(docs, model);
    const channels = await channelsOf(docs);
    expect(channels.map(({ segments }) => segments >= 2)).toEqual([true, true, true]);
    expect(channels.every(({ storedRows }) => storedRows > 0)).toBe(true);
  });

  it("survive a restart of everything, sealed and not", async () => {
    const docs = client.collection<Row>("docs");
    await docs.insert(rowsOf(1_000, 20, 4));
    await docs.delete({ ids: [1_000n] });
    const { rows } = await docs.query({ limit: 16_384, outputFields: ["version"] });
    const model = new Map(rows.map((row) => [row.id as bigint, row.version as number]));
    expect(model.has(1_000n)).toBe(false);
    expect(model.get(1_019n)).toBe(4);
    await cluster.stop();
    await cluster.start();
    await expectRows(docs, model);
  });
});

describe("a segment is sealed", () => {
  it("at its rows, and indexed where it is large enough", async () => {
    const byRows = await create("by_rows", { thresholds: { sealRows: 500, indexRowsMin: 500 } });
    for (let at = 0; at < 1_200; at += 100) await byRows.insert(rowsOf(at, 100));
    const channels = await eventually(
      "two indexed segments of 500 rows",
      () => channelsOf(byRows),
      (found) => total(found, "indexedSegments") >= 2,
    );
    expect(channels).toMatchObject([{ segments: 2, storedRows: 1_000, indexedSegments: 2 }]);
    await expectRows(byRows, modelOf(rowsOf(0, 1_200)));
  });

  it("at its bytes", async () => {
    const byBytes = await create("by_bytes", { thresholds: { sealBytes: 8_000 } });
    for (let at = 0; at < 600; at += 100) await byBytes.insert(rowsOf(at, 100));
    await eventually(
      "a segment sealed at its bytes",
      () => channelsOf(byBytes),
      (found) => total(found, "segments") >= 2,
    );
    await expectRows(byBytes, modelOf(rowsOf(0, 600)));
  });

  it("at its age", async () => {
    const byAge = await create("by_age", { thresholds: { sealAgeMs: 500 } });
    await byAge.insert(rowsOf(0, 10));
    await eventually(
      "a segment sealed at its age",
      () => channelsOf(byAge),
      (found) => total(found, "storedRows") === 10,
    );
    await expectRows(byAge, modelOf(rowsOf(0, 10)));
  });

  it("when asked for, before the answer comes", async () => {
    const asked = await create("asked", { shards: 2 });
    await asked.flush();
    await asked.insert(rowsOf(0, 10));
    await asked.flush();
    expect(total(await channelsOf(asked), "storedRows")).toBe(10);
    await expectRows(asked, modelOf(rowsOf(0, 10)));
  });
});

describe("the past", () => {
  it("is shown by tokens and by times, the same after seals and other writes", async () => {
    const past = await create("past", { shards: 2 });
    const { session: first } = await past.insert(rowsOf(0, 100));
    const firstModel = modelOf(rowsOf(0, 100));
    // A token names what its writer wrote; the moment must lie behind the commit on all clocks.
    await delay(1_100);
    const moment = new Date();
    await delay(1_100);
    await past.upsert(rowsOf(0, 20, 1));
    const { session: second } = await past.delete({ filter: "id >= 90" });
    const secondModel = modelOf([...rowsOf(0, 20, 1), ...rowsOf(20, 70)]);
    const check = async () => {
      await expectRows(past, secondModel, second);
      await expectRows(past, firstModel, first);
      await expectRows(past, firstModel, moment.toISOString());
      await expectRows(past, firstModel, moment.getTime());
    };
    await check();
    await past.flush();
    await past.insert(rowsOf(500, 50));
    await check();
    await past.flush();
    await check();
    await expectRows(past, modelOf([...rowsOf(0, 20, 1), ...rowsOf(20, 70), ...rowsOf(500, 50)]));
  });
});

describe("compaction", () => {
  it("merges small segments, and every answer stays the same", async () => {
    const merged = await create("merged", { thresholds: { sealRows: 50, mergeBytes: 10_000_000 } });
    const tokens: [string, Model][] = [];
    for (let at = 0; at < 12; at++) {
      const { session } = await merged.insert(rowsOf(at * 50, 50));
      tokens.push([session, modelOf(rowsOf(0, (at + 1) * 50))]);
      await merged.flush();
    }
    await eventually(
      "fewer segments than were sealed",
      () => channelsOf(merged),
      (found) => total(found, "segments") <= 6 && total(found, "storedRows") === 600,
    );
    await expectRows(merged, modelOf(rowsOf(0, 600)));
    for (const [token, model] of tokens) await expectRows(merged, model, token);
  });

  it("lets dead rows go, and none of them comes back", async () => {
    const dead = await create("dead", { asOfWindow: 0, thresholds: { sealRows: 100 } });
    await dead.insert(rowsOf(0, 100));
    await dead.flush();
    await dead.insert(rowsOf(1_000, 100));
    await dead.delete({ filter: "id < 80" });
    await dead.upsert(rowsOf(80, 5, 1));
    const model = modelOf([...rowsOf(80, 5, 1), ...rowsOf(85, 15), ...rowsOf(1_000, 100)]);
    await eventually(
      "no more rows stored than live",
      async () => {
        // What can be forgotten is decided with each manifest.
        await dead.insert(rowsOf(80, 1, 1));
        await dead.flush();
        return channelsOf(dead);
      },
      (found) => total(found, "storedRows") < 200,
    );
    await expectRows(dead, model);
    await cluster.stop();
    await cluster.start();
    await expectRows(dead, model);
  });
});

describe("a collection", () => {
  it("that is made again under the same name is empty, and old tokens are refused", async () => {
    const first = await create("again");
    const { session } = await first.insert(rowsOf(0, 10));
    await first.flush();
    await client.dropCollection("again");
    await expect(first.count()).rejects.toMatchObject({ code: "collection-not-found" });
    const second = await create("again");
    await expectRows(second, new Map());
    await expect(second.count({ session })).rejects.toMatchObject({ code: "invalid-session" });
    await second.insert(rowsOf(5, 3, 1));
    await expectRows(second, modelOf(rowsOf(5, 3, 1)));
    const names = (await client.listCollections()).map(({ name }) => name);
    expect(names.filter((name) => name === "again")).toEqual(["again"]);
  });

  it("takes up altered settings", async () => {
    const altered = await create("altered", { replicas: 1 });
    await altered.insert(rowsOf(0, 60));
    const replicasOf = async () => {
      const { collectionId } = await altered.describe();
      const { hosts } = await client.cluster();
      const workers = hosts
        .flatMap(({ actors }) => actors)
        .filter(
          ({ actor, channel, phase }) =>
            actor === "query-worker" && phase === "serving" && channel === `${collectionId}-0`,
        );
      return workers.length;
    };
    await eventually("one replica", replicasOf, (count) => count === 1);
    await client.alterCollection("altered", {
      replicas: 2,
      asOfWindow: "5s",
      thresholds: { sealRows: 50 },
    });
    await eventually("two replicas", replicasOf, (count) => count === 2);
    await eventually(
      "a seal at the new threshold",
      () => channelsOf(altered),
      (found) => total(found, "storedRows") === 60,
    );
    const { settings } = await altered.describe();
    expect(settings).toMatchObject({
      replicas: 2,
      asOfWindowMs: 5_000,
      thresholds: { sealRows: 50 },
    });
    const asOf = Date.now() - 10_000;
    await expect(altered.count({ asOf })).rejects.toMatchObject({ code: "as-of-too-old" });
    await client.alterCollection("altered", { replicas: 1 });
    await eventually("one replica again", replicasOf, (count) => count === 1);
    await expectRows(altered, modelOf(rowsOf(0, 60)));
  });
});
