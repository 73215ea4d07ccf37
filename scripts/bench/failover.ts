// One of two query replicas is killed, or frozen, under 200 searches a second.
import { setTimeout as delay } from "node:timers/promises";
import type { Collection } from "../../src/client/collection.js";
import { type BenchCluster, removeCluster, startBenchCluster } from "./cluster.js";
import { createFor, fill, untilIndexed } from "./collection.js";
import { type DataSet, readDataSet, readyDataSet } from "./data-sets.js";
import { type Figure, figure } from "./figures.js";
import { type GroupResult, type Run, say } from "./run.js";

const searchesPerSecond = 200;
const warmUpMs = 2_000;

export async function failoverGroup(run: Run): Promise<GroupResult> {
  await readyDataSet("glove-100");
  const set = readDataSet("glove-100", run.quick ? 20_000 : 50_000);
  const cluster = await startBenchCluster("failover");
  try {
    const client = await cluster.connect();
    const rows = await createFor(client, set, { name: "rows" });
    await fill(rows, set);
    await untilIndexed(rows, set);
    const forMs = run.quick ? 6_000 : 15_000;
    await during(rows, set, warmUpMs, async () => undefined);
    const killed = await strike(cluster, rows, set, forMs, "killed");
    const frozen = await strike(cluster, rows, set, forMs, "frozen");
    return { figures: [...killed, ...frozen] };
  } finally {
    await cluster.stop();
    removeCluster("failover");
  }
}

/** A query host that neither leads nor takes the requests. */
function victimOf(cluster: BenchCluster) {
  const victim = cluster.hosts.findLast(({ roles }) => roles.includes("query"));
  if (victim === undefined) throw new Error("no host answers queries");
  return victim;
}

async function strike(
  cluster: BenchCluster,
  rows: Collection,
  set: DataSet,
  forMs: number,
  how: "killed" | "frozen",
): Promise<readonly Figure[]> {
  const victim = victimOf(cluster);
  await cluster.untilReady();
  const report = await during(rows, set, forMs, async () => {
    if (how === "killed") await victim.kill();
    else victim.freeze();
  });
  await victim.restart();
  if (report.firstError !== null) say(report.firstError);
  const what = `one query replica of two ${how} at ${searchesPerSecond} searches/s`;
  return [
    figure({
      ...{ id: `failover.${how}.errors`, what: `${what}: errors`, unit: "" },
      ...{ values: [report.errors], target: ["==", 0] },
    }),
    figure({
      ...{ id: `failover.${how}.slowest`, what: `${what}: the slowest answer`, unit: "s" },
      ...{ values: [report.slowestMs / 1_000], target: ["<=", 0.8] },
    }),
    figure({
      ...{ id: `failover.${how}.searches`, what: `${what}: searches`, unit: "" },
      values: [report.searches],
    }),
  ];
}

/** An open loop: a search counts from when it is due, however late those before it are. */
async function during(
  rows: Collection,
  set: DataSet,
  forMs: number,
  act: () => Promise<unknown>,
): Promise<{ searches: number; errors: number; slowestMs: number; firstError: string | null }> {
  const report = { searches: 0, errors: 0, slowestMs: 0, firstError: null as string | null };
  const startedAtMs = performance.now();
  const searchDueAt = async (dueAtMs: number, vector: Float32Array) => {
    try {
      await rows.search({ vector, limit: 10 });
    } catch (error) {
      report.errors += 1;
      report.firstError ??= String(error);
    }
    report.slowestMs = Math.max(report.slowestMs, performance.now() - dueAtMs);
  };
  const all: Promise<void>[] = [];
  const acting = delay(forMs / 3).then(act);
  for (; performance.now() - startedAtMs < forMs; report.searches += 1) {
    const dueAtMs = startedAtMs + (report.searches * 1_000) / searchesPerSecond;
    await delay(Math.max(0, dueAtMs - performance.now()));
    const vector = set.queries[report.searches % set.queries.length] as Float32Array;
    all.push(searchDueAt(dueAtMs, vector));
  }
  await Promise.all([...all, acting]);
  return report;
}
