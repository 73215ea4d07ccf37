// From an acknowledged insert to the strong search that finds it, while other rows stream in.
import { setTimeout as delay } from "node:timers/promises";
import type { Collection } from "../../src/client/collection.js";
import { percentile } from "../quickstart/measuring.js";
import { removeCluster, startBenchCluster } from "./cluster.js";
import { batchOf, createFor, fill } from "./collection.js";
import { type DataSet, readDataSet, readyDataSet, rowOf } from "./data-sets.js";
import { figure } from "./figures.js";
import type { GroupResult, Run } from "./run.js";

const loadedRows = 20_000;
const streamedBatch = 20;
const streamEveryMs = 20;

interface Streamed {
  rows: number;
  isDone: boolean;
}

export async function freshnessGroup(run: Run): Promise<GroupResult> {
  await readyDataSet("glove-100");
  const times = run.quick ? 500 : 5_000;
  const set = readDataSet("glove-100", 300_000);
  const cluster = await startBenchCluster("freshness");
  try {
    const client = await cluster.connect({ rememberSession: false });
    const background = await cluster.connect();
    const rows = await createFor(client, set, { name: "rows" });
    await fill(rows, readDataSet("glove-100", loadedRows));
    const streamed: Streamed = { rows: 0, isDone: false };
    const startedAtMs = performance.now();
    const stream = streamRows(background.collection("rows"), set, streamed);
    const { latencies, found } = await insertAndSearch(rows, set, times);
    streamed.isDone = true;
    await stream;
    const perSecond = (streamed.rows * 1_000) / (performance.now() - startedAtMs);
    return { figures: figuresOf(latencies, found / times, perSecond) };
  } finally {
    await cluster.stop();
    removeCluster("freshness");
  }
}

function figuresOf(latencies: readonly number[], share: number, perSecond: number) {
  const what = "acknowledged insert to the strong search that found it";
  return [
    figure({
      ...{ id: "freshness.p50", what: `${what}, p50`, unit: "ms" },
      ...{ values: [percentile(latencies, 0.5)], target: ["<=", 3] },
    }),
    figure({
      ...{ id: "freshness.p99", what: `${what}, p99`, unit: "ms" },
      ...{ values: [percentile(latencies, 0.99)], target: ["<=", 20] },
    }),
    figure({
      ...{ id: "freshness.found", what: "acknowledged inserts found at once", unit: "" },
      ...{ values: [share], target: ["==", 1] },
    }),
    figure({
      ...{ id: "freshness.stream", what: "rows inserted beside it", unit: "rows/s" },
      values: [perSecond],
    }),
  ];
}

/** By the clock, not by its answers: 1,000 rows a second. */
async function streamRows(rows: Collection, set: DataSet, streamed: Streamed): Promise<void> {
  const startedAtMs = performance.now();
  const flying = new Set<Promise<void>>();
  const failures: unknown[] = [];
  let batches = 0;
  while (!streamed.isDone && failures.length === 0) {
    const first = loadedRows + ((batches * streamedBatch) % 200_000);
    const sending = rows
      .insert(batchOf(set, first, streamedBatch))
      .then(
        () => {
          streamed.rows += streamedBatch;
        },
        (failure: unknown) => {
          failures.push(failure);
        },
      )
      .finally(() => flying.delete(sending));
    flying.add(sending);
    batches += 1;
    const dueAtMs = startedAtMs + batches * streamEveryMs;
    await delay(Math.max(0, dueAtMs - performance.now()));
    if (flying.size > 50) await Promise.race(flying);
  }
  await Promise.all(flying);
  if (failures.length > 0) throw failures[0];
}

/** The keys are negative, so that no streamed row is one of them. */
async function insertAndSearch(rows: Collection, set: DataSet, times: number) {
  const latencies: number[] = [];
  let found = 0;
  for (let place = 1; place <= times; place += 1) {
    const vector = rowOf(set, set.rowCount - place);
    const id = BigInt(-place);
    await rows.insert([{ id, bucket: 0, vector }]);
    const acknowledgedAtMs = performance.now();
    const { results } = await rows.search({ vector, limit: 2, consistency: "strong" });
    latencies.push(performance.now() - acknowledgedAtMs);
    if (results[0]?.some((hit) => hit.id === id)) found += 1;
  }
  return { latencies, found };
}
