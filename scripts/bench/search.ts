// Searches without a filter: Elanus and its peers, alternating, at equal recall on equal rows.
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { type BenchCluster, hostsOf, removeCluster, startBenchCluster } from "./cluster.js";
import { createFor, fill, untilIndexed, untilMerged } from "./collection.js";
import { type DataSet, type DataSetName, readDataSet, readyDataSet } from "./data-sets.js";
import type { EngineName, EngineWork, SearchOptions } from "./engine.js";
import { type EngineClient, type Rate, startEngine } from "./engine-client.js";
import { recallAt, settingFor } from "./equal-recall.js";
import { exactTruth, type Truth } from "./exact-truth.js";
import { filteredFigures } from "./filtered.js";
import type { Plot, Point } from "./plots.js";
import { type GroupResult, type ProfileWindow, type Run, say } from "./run.js";
import {
  type Contender,
  inFlight,
  keyOf,
  oneAtATime,
  type Rates,
  searchFigures,
  type Way,
  waysOf,
  wordsOf,
} from "./search-figures.js";

const k = 10;
const recallWanted = 0.95;
const cores = availableParallelism();

export async function searchGroup(run: Run): Promise<GroupResult> {
  const results = [await searchOn(run, "glove-100", run.quick ? 30_000 : 100_000)];
  // Its graphs take minutes to build.
  const isWhole = !run.quick && run.profilesIn === null;
  if (isWhole) results.push(await searchOn(run, "clustered-768", 50_000));
  return {
    figures: results.flatMap(({ figures }) => figures),
    plots: results.flatMap(({ plots = [] }) => plots),
    windows: results.flatMap(({ windows = [] }) => windows),
  };
}

async function searchOn(run: Run, name: DataSetName, rowCount: number): Promise<GroupResult> {
  await readyDataSet(name);
  const set = readDataSet(name, rowCount);
  say(`${name}: the exact scan of ${rowCount} rows`);
  const truth = exactTruth(set, k);
  const cluster = await startBenchCluster("search");
  const engines: EngineClient[] = [];
  try {
    await load(cluster, set);
    const names: readonly EngineName[] =
      run.profilesIn === null ? ["elanus", "bare", "zvec", "lancedb", "usearch"] : ["elanus"];
    for (const engine of names) engines.push(await open(engine, workOf(name, rowCount, cluster)));
    const contenders = await atEqualRecall(engines, truth);
    if (run.profilesIn !== null) return await profiled(contenders, run, hostsOf(cluster));
    const { figures, plots = [] } = await measured(run, set, truth, contenders);
    const [engine] = engines;
    const isFirst = name === "glove-100";
    if (engine === undefined || !isFirst) return { figures, plots };
    const forMs = run.quick ? 800 : 3_000;
    const plan = { set, engine, inFlight, rounds: run.quick ? 3 : 5, forMs };
    return { figures: [...figures, ...(await filteredFigures(plan))], plots };
  } finally {
    await Promise.all(engines.map((engine) => engine.close()));
    await cluster.stop();
    removeCluster("search");
  }
}

async function load(cluster: BenchCluster, set: DataSet): Promise<void> {
  const client = await cluster.connect();
  const rows = await createFor(client, set, { name: "rows" });
  const { rowsPerSecond, startedAtMs } = await fill(rows, set);
  const seconds = ((await untilIndexed(rows, set)) - startedAtMs) / 1_000;
  await untilMerged(cluster.pids);
  say(
    `elanus: ${Math.round(rowsPerSecond)} rows/s acknowledged, indexed in ${seconds.toFixed(1)} s`,
  );
}

function workOf(dataSet: DataSetName, rowCount: number, cluster: BenchCluster): EngineWork {
  const directory = join(".elanus", "bench", "indexes", `${dataSet}-${rowCount}`);
  return { dataSet, rowCount, directory, url: cluster.natsUrl, collection: "rows" };
}

/** The bare loop has a process a core; the others have threads of their own. */
async function open(name: EngineName, work: EngineWork): Promise<EngineClient> {
  say(`${name} opens`);
  return startEngine(name, work, name === "bare" ? cores : 1);
}

async function atEqualRecall(
  engines: readonly EngineClient[],
  truth: Truth,
): Promise<readonly Contender[]> {
  const contenders: Contender[] = [];
  for (const engine of engines) {
    const setting = await settingFor(engine, truth, recallWanted);
    if (setting === null) {
      say(`${engine.name} does not reach a recall of ${recallWanted}: left out`);
      continue;
    }
    say(`${engine.name}: ef ${setting.ef} for a recall of ${setting.recall.toFixed(4)}`);
    contenders.push({ engine, setting });
  }
  return contenders;
}

async function measured(
  run: Run,
  set: DataSet,
  truth: Truth,
  contenders: readonly Contender[],
): Promise<GroupResult> {
  const rates: Rates = new Map();
  const rounds = run.quick ? 3 : 5;
  const forMs = run.quick ? 1_000 : 4_000;
  for (let round = 0; round <= rounds; round += 1) {
    for (const contender of contenders) {
      for (const way of waysOf(contender.engine)) {
        const rate = await loadOf(contender, way, round === 0 ? forMs / 2 : forMs);
        // The first round warms up.
        if (round > 0) append(rates, keyOf(contender.engine.name, way.name), rate);
      }
    }
  }
  const points = await curves(contenders, truth, forMs / 2);
  const title = `${set.name}, ${set.rowCount.toLocaleString("en")} rows, ${cores} cores`;
  const plot: Plot = {
    name: `recall-${set.name}`,
    title: `Recall against vectors per second: ${title}`,
    x: { title: "recall@10" },
    y: { title: "vectors per second", logarithmic: true },
    points,
  };
  return { figures: searchFigures(set, rates, contenders), plots: [plot] };
}

function append(rates: Rates, key: string, rate: Rate): void {
  rates.set(key, [...(rates.get(key) ?? []), rate]);
}

async function loadOf({ engine, setting }: Contender, way: Way, forMs: number): Promise<Rate> {
  const options: SearchOptions = { k, ef: setting.ef, bucketsBelow: null };
  const { inFlight: requests, batch: vectors, processes } = way;
  return engine.load({ options, inFlight: requests, batch: vectors, forMs }, processes);
}

async function curves(
  contenders: readonly Contender[],
  truth: Truth,
  forMs: number,
): Promise<readonly Point[]> {
  const points: Point[] = [];
  for (const { engine } of contenders) {
    const [, many = oneAtATime] = waysOf(engine);
    for (const ef of [16, 32, 64, 128, 256]) {
      const recall = await recallAt(engine, truth, ef);
      const rate = await loadOf({ engine, setting: { ef, recall } }, many, forMs);
      points.push({ series: engine.name, x: recall, y: rate.vectorsPerSecond });
    }
  }
  return points;
}

async function profiled(
  contenders: readonly Contender[],
  run: Run,
  hosts: ProfileWindow["hosts"],
): Promise<GroupResult> {
  const [own] = contenders;
  if (own === undefined) throw new Error("Elanus does not reach the recall");
  const windows: ProfileWindow[] = [];
  for (const way of waysOf(own.engine)) {
    await loadOf(own, way, 1_000);
    const rate = await loadOf(own, way, run.quick ? 5_000 : 10_000);
    const times = `p50 ${rate.p50Ms.toFixed(2)} ms, p99 ${rate.p99Ms.toFixed(2)} ms`;
    say(`${wordsOf[way.name]}: ${Math.round(rate.vectorsPerSecond)} vectors/s, ${times}`);
    windows.push({ name: `search, ${wordsOf[way.name]}`, windowUs: rate.windowUs, hosts });
  }
  return { figures: [], windows };
}
