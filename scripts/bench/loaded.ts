// Cold start and memory: a cluster that is stopped with rows and indexes stored, and started again.
import { setTimeout as delay } from "node:timers/promises";
import type { Role } from "../../src/messages/records.js";
import { type BenchCluster, removeCluster, startBenchCluster } from "./cluster.js";
import { createFor, fill, untilIndexed, untilMerged } from "./collection.js";
import { type DataSet, gloveRowsMax, readDataSet, readyDataSet } from "./data-sets.js";
import { graph } from "./engine.js";
import { type Figure, figure } from "./figures.js";
import { type GroupResult, type Run, say } from "./run.js";
import { residentBytes } from "./usage.js";

/** One host that only answers queries, so that its memory is that of the rows it serves. */
const hosts: readonly (readonly Role[])[] = [
  ["proxy", "coordinator", "oracle"],
  ["query"],
  ["data", "index"],
];
const replicas = 1;
const askEveryMs = 20;
const settleMs = 3_000;

/** Both groups need the same stored rows: each measures its own figures of them. */
export const coldStartGroup = (run: Run) => withStoredRows(run, "coldstart", coldStartFigures);
export const memoryGroup = (run: Run) => withStoredRows(run, "memory", memoryFigures);

type Measure = (name: string, set: DataSet, run: Run) => Promise<readonly Figure[]>;

async function withStoredRows(run: Run, name: string, measure: Measure): Promise<GroupResult> {
  await readyDataSet("glove-100");
  const set = readDataSet("glove-100", run.quick ? 40_000 : gloveRowsMax);
  try {
    const cluster = await startBenchCluster(name, { hosts });
    try {
      const client = await cluster.connect();
      const rows = await createFor(client, set, { name: "rows", replicas });
      await fill(rows, set);
      await untilIndexed(rows, set);
      await untilMerged(cluster.pids);
    } finally {
      await cluster.stop();
    }
    say(`${name}: ${set.rowCount} rows are stored and indexed`);
    return { figures: await measure(name, set, run) };
  } finally {
    removeCluster(name);
  }
}

async function coldStartFigures(name: string, set: DataSet, run: Run): Promise<readonly Figure[]> {
  const seconds: number[] = [];
  const rounds = run.quick ? 2 : 5;
  for (let round = 0; round < rounds; round += 1) {
    const startedAtMs = performance.now();
    const cluster = await startBenchCluster(name, { hosts, keep: true, untilReady: false });
    try {
      await firstAnswer(cluster, set);
      seconds.push((performance.now() - startedAtMs) / 1_000);
    } finally {
      await cluster.stop();
    }
  }
  const what = `cold start of all processes to the first answer, ${set.rowCount} rows and indexes`;
  return [figure({ id: "coldstart", what, values: seconds, unit: "s", target: ["<=", 5] })];
}

/** A strong search, so that it is over all rows. */
async function firstAnswer(cluster: BenchCluster, set: DataSet): Promise<void> {
  const client = await cluster.connect();
  const rows = client.collection("rows");
  const vector = set.queries[0] as Float32Array;
  const until = performance.now() + 120_000;
  for (;;) {
    try {
      const { results } = await rows.search({ vector, limit: 10, timeoutMs: 60_000 });
      if (results[0]?.length === 10) return;
      throw new Error(`${results[0]?.length} answers of 10`);
    } catch (error) {
      if (performance.now() > until) throw error;
      await delay(askEveryMs);
    }
  }
}

async function memoryFigures(name: string, set: DataSet): Promise<readonly Figure[]> {
  const cluster = await startBenchCluster(name, { hosts, keep: true });
  try {
    await firstAnswer(cluster, set);
    const client = await cluster.connect();
    const rows = client.collection("rows");
    const all = set.queries.map((vector) => rows.search({ vector, limit: 10 }));
    await Promise.all(all);
    await delay(settleMs);
    const pid = cluster.hosts.find(({ roles }) => roles.includes("query"))?.pid;
    const bytes = pid === undefined ? null : residentBytes(pid);
    if (bytes === null) {
      say("the memory of a process is not known on this system: left out");
      return [];
    }
    return figuresOf(set, bytes);
  } finally {
    await cluster.stop();
  }
}

function figuresOf(set: DataSet, bytes: number): readonly Figure[] {
  const plain = set.rowCount * set.dimension * 4;
  const floor = plain + indexBytes(set);
  const of = `a query host's resident memory, ${set.rowCount} rows`;
  return [
    figure({
      id: "memory.against-floor",
      what: `${of}, less 200 MB, against the index with its vectors and one plain copy`,
      values: [(bytes - 200e6) / floor],
      unit: "x",
      target: ["<=", 1.25],
    }),
    figure({ id: "memory.resident", what: of, values: [bytes / 1e6], unit: "MB" }),
    figure({ id: "memory.floor", what: "index and plain copy", values: [floor / 1e6], unit: "MB" }),
  ];
}

/**
 * A row on the lowest layer has its vector, its label, its number of links and twice M of them; one
 * in M rows stands on the next layer too, with M links, and so on.
 */
function indexBytes({ rowCount, dimension }: DataSet): number {
  const { M } = graph;
  const lowest = dimension * 4 + 8 + 4 + 2 * M * 4;
  const upper = (4 + M * 4) / (M - 1);
  return rowCount * (lowest + upper);
}
