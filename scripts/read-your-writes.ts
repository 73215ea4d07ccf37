// Inserts a row and searches for it at once, many times, while other rows stream in.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Presets, SingleBar } from "cli-progress";
import { Command, InvalidArgumentError } from "commander";
import type { Collection } from "../src/client/collection.js";
import { connectElanus } from "../src/client/connect.js";
import { createRandom } from "../src/simulation/random.js";
import { startEmbeddedCluster } from "./quickstart/embedded-cluster.js";
import { percentile } from "./quickstart/measuring.js";

const dimension = 16;
const streamedRows = 50;
/** Inserts that outrun the query workers on a busy machine would let no strong read through. */
const streamPauseMs = 10;

interface Row {
  id: bigint;
  vector: Float32Array;
}

/** Numbers from a generator seeded by the id: each row is found by its own vector or not at all. */
function rowOf(id: number): Row {
  const random = createRandom(id);
  const vector = Float32Array.from({ length: dimension }, () => random.next() - 0.5);
  return { id: BigInt(id), vector };
}

async function run(times: number): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "elanus-"));
  const cluster = await startEmbeddedCluster(join(directory, "data"));
  const client = await connectElanus({ url: cluster.url, rememberSession: false });
  const bar = new SingleBar(
    { format: "{bar} {value}/{total} | {eta_formatted} left" },
    Presets.rect,
  );
  try {
    await client.createCollection({
      name: "fresh",
      fields: [
        { name: "id", type: "Int64", primaryKey: true },
        { name: "vector", type: "FloatVector", dimension },
      ],
      thresholds: { sealRows: 20_000 },
    });
    const rows = client.collection<Row>("fresh");
    bar.start(times, 0);
    const streaming = { done: false, rows: 0 };
    const stream = streamRows(rows, streaming);
    const result = await insertAndSearch(rows, times, (done) => bar.update(done));
    streaming.done = true;
    await stream;
    bar.stop();
    console.log(JSON.stringify({ times, ...result, streamedRows: streaming.rows }));
    if (result.found !== times) process.exitCode = 1;
  } finally {
    bar.stop();
    await client.close();
    await cluster.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

async function streamRows(rows: Collection<Row>, state: { done: boolean; rows: number }) {
  let next = 1_000_000_000;
  while (!state.done) {
    await rows.insert(Array.from({ length: streamedRows }, () => rowOf(next++)));
    state.rows += streamedRows;
    await delay(streamPauseMs);
  }
}

/** From the acknowledgement of the insert to the answer of the search that found it. */
async function insertAndSearch(
  rows: Collection<Row>,
  times: number,
  progress: (done: number) => void,
) {
  const latencies: number[] = [];
  let found = 0;
  for (let id = 1; id <= times; id++) {
    const row = rowOf(id);
    await rows.insert([row]);
    const acknowledgedAt = performance.now();
    const { results } = await rows.search({ vector: row.vector, limit: 1, consistency: "strong" });
    latencies.push(performance.now() - acknowledgedAt);
    if (results[0]?.[0]?.id === row.id) found += 1;
    progress(id);
  }
  const round = (value: number) => Number(value.toFixed(2));
  const [p50Ms, p99Ms] = [percentile(latencies, 0.5), percentile(latencies, 0.99)].map(round);
  return { found, p50Ms, p99Ms };
}

function timesArgument(text: string): number {
  const times = Number(text);
  if (Number.isInteger(times) && times > 0) return times;
  throw new InvalidArgumentError("a whole number above 0");
}

await new Command("read-your-writes")
  .description("an acknowledged insert is in the next strong search, every time")
  .option("--times <number>", "how many inserts and searches", timesArgument, 10_000)
  .action(({ times }: { times: number }) => run(times))
  .parseAsync();
