// Writing: rows acknowledged by the log while workers follow, and the building of indexes.
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { Collection } from "../../src/client/collection.js";
import { connectNats } from "../../src/system/nats.js";
import { type BenchCluster, hostsOf, removeCluster, startBenchCluster } from "./cluster.js";
import { batchOf, createFor, type Filled, fill, untilIndexed, untilQuiet } from "./collection.js";
import { type DataSet, readDataSet, readyDataSet } from "./data-sets.js";
import { startEngine } from "./engine-client.js";
import { createZvec, insertIntoZvec } from "./engines/zvec.js";
import { type Figure, figure } from "./figures.js";
import { type GroupResult, type Run, say } from "./run.js";

const cores = availableParallelism();

export async function ingestGroup(run: Run): Promise<GroupResult> {
  await readyDataSet("glove-100");
  const set = readDataSet("glove-100", run.quick ? 30_000 : 100_000);
  const cluster = await startBenchCluster("ingest");
  try {
    if (run.profilesIn !== null) return await profiled(cluster);
    const written = await acknowledged(cluster, set, run.quick ? 3 : 5);
    return { figures: [...written, ...(await builds(cluster, set))] };
  } finally {
    await cluster.stop();
    removeCluster("ingest");
  }
}

async function acknowledged(
  cluster: BenchCluster,
  set: DataSet,
  rounds: number,
): Promise<readonly Figure[]> {
  const rates = { elanus: [] as number[], zvec: [] as number[], json: [] as number[] };
  for (let round = 0; round <= rounds; round += 1) {
    const elanus = (await written(cluster, set, `rows_${round}`, fill)).rowsPerSecond;
    const zvec = intoZvec(set);
    const json = await written(cluster, set, `json_${round}`, (rows) =>
      fillWithJson(cluster, rows.name, set),
    );
    say(
      `round ${round}: ${Math.round(elanus)}, zvec ${Math.round(zvec)}, json ${Math.round(json)}`,
    );
    // The first round warms up.
    if (round === 0) continue;
    rates.elanus.push(elanus);
    rates.zvec.push(zvec);
    rates.json.push(json);
  }
  return figuresOf(rates);
}

function figuresOf(rates: Record<"elanus" | "zvec" | "json", readonly number[]>): Figure[] {
  const unit = "rows/s";
  const against = rates.elanus.map((rate, round) => rate / (rates.zvec[round] ?? Number.NaN));
  return [
    figure({
      ...{
        id: "ingest.acknowledged",
        what: "rows acknowledged, MessagePack, 100 dimensions",
        unit,
      },
      ...{ values: rates.elanus, target: [">=", 120_000] },
    }),
    figure({
      ...{ id: "ingest.against-zvec", what: "rows acknowledged, against zvec's insert", unit: "x" },
      ...{ values: against, target: [">=", 2] },
    }),
    figure({ id: "ingest.zvec", what: "zvec's insert", unit, values: rates.zvec }),
    figure({
      ...{ id: "ingest.json", what: "rows acknowledged, plain JSON numbers", unit },
      ...{ values: rates.json, target: [">=", 15_000] },
    }),
  ];
}

/** Into a collection of its own, of which nothing is left for the next round but its log. */
async function written<Result>(
  cluster: BenchCluster,
  set: DataSet,
  name: string,
  write: (rows: Collection, set: DataSet) => Promise<Result>,
): Promise<Result> {
  const client = await cluster.connect();
  const rows = await createFor(client, set, { name });
  // Until its log and its workers are there.
  await rows.insert(batchOf(set, 0, 1));
  await rows.count();
  const result = await write(rows, set);
  const { count } = await rows.count({ timeoutMs: 120_000 });
  if (count !== set.rowCount) throw new Error(`${count} rows of ${set.rowCount} are there`);
  await client.dropCollection(name);
  await client.close();
  // What it left to do must not slow down what is measured next.
  await untilQuiet(cluster.pids);
  return result;
}

function intoZvec(set: DataSet): number {
  const collection = createZvec(set.dimension, join(".elanus", "bench", "zvec-insert"));
  const seconds = insertIntoZvec(collection, set);
  collection.closeSync();
  return set.rowCount / seconds;
}

const jsonBatchRows = 1_000;
const jsonInFlight = 4;

/** As any NATS client would: the numbers as text. */
async function fillWithJson(cluster: BenchCluster, name: string, set: DataSet): Promise<number> {
  const link = await connectNats({ servers: cluster.natsUrl, name: "bench", waitForServer: false });
  const bodies: Uint8Array[] = [];
  for (let first = 0; first < set.rowCount; first += jsonBatchRows) {
    bodies.push(jsonOf(set, first, Math.min(jsonBatchRows, set.rowCount - first)));
  }
  const startedAtMs = performance.now();
  const lane = async () => {
    for (let body = bodies.pop(); body !== undefined; body = bodies.pop()) {
      const result = await link.request(`elanus.v1.default.${name}.insert`, body, {
        headers: {},
        timeoutMs: 30_000,
      });
      if (result.kind !== "ok") throw new Error(`an insert failed: ${result.detail}`);
      const problem = result.message.header("Nats-Service-Error");
      if (problem !== undefined) throw new Error(`an insert failed: ${problem}`);
    }
  };
  await Promise.all(Array.from({ length: jsonInFlight }, lane));
  const seconds = (performance.now() - startedAtMs) / 1_000;
  await link.close();
  return set.rowCount / seconds;
}

/** Encoded before the clock runs: what is measured is the system, not this way to write JSON. */
function jsonOf(set: DataSet, first: number, count: number): Uint8Array {
  const rows = batchOf(set, first, count).map(({ id, bucket, vector }) => {
    return { id: Number(id), bucket, vector: Array.from(vector) };
  });
  return Buffer.from(JSON.stringify({ rows }));
}

/** One segment and one bare graph a core; for Elanus from the first insert on. */
async function builds(cluster: BenchCluster, set: DataSet): Promise<readonly Figure[]> {
  const part = Math.ceil(set.rowCount / cores);
  const client = await cluster.connect();
  const rows = await createFor(client, set, { name: "indexed", replicas: 1, sealRows: part });
  const { startedAtMs } = await fill(rows, set);
  const elanus = ((await untilIndexed(rows, set)) - startedAtMs) / 1_000;
  await client.dropCollection("indexed");
  const bare = await bareBuild(set, part);
  return [
    figure({
      id: "ingest.build-against-bare",
      what: "indexes built, from the first insert on, against the bare build on all cores",
      values: [bare / elanus],
      unit: "x",
      target: [">=", 0.85],
    }),
    figure({
      id: "ingest.build",
      what: "rows indexed, from the first insert on",
      values: [set.rowCount / elanus],
      unit: "rows/s",
    }),
    figure({
      id: "ingest.build-bare",
      what: "the bare build, a graph a core",
      values: [set.rowCount / bare],
      unit: "rows/s",
    }),
  ];
}

/** The seconds until the slowest of the processes has built the graph of its part. */
async function bareBuild(set: DataSet, part: number): Promise<number> {
  const work = { dataSet: set.name, rowCount: part, directory: "", url: "", collection: "" };
  const builders = await Promise.all(
    Array.from({ length: cores }, () => startEngine("bare-build", work)),
  );
  const seconds = Math.max(...builders.map(({ openedInSeconds }) => openedInSeconds));
  await Promise.all(builders.map((builder) => builder.close()));
  return seconds;
}

async function profiled(cluster: BenchCluster): Promise<GroupResult> {
  const set = readDataSet("glove-100", 200_000);
  const client = await cluster.connect();
  // Threads start and code is compiled in the first rows.
  await fill(await createFor(client, set, { name: "warm_up" }), readDataSet("glove-100", 30_000));
  const rows = await createFor(client, set, { name: "profiled" });
  const filled: Filled = await fill(rows, set);
  say(`${Math.round(filled.rowsPerSecond)} rows/s`);
  const { windowUs } = filled;
  return { figures: [], windows: [{ name: "ingest", windowUs, hosts: hostsOf(cluster) }] };
}
